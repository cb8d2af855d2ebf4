import http from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { checkIntervalMs } from '../connections/check-interval.ts';
import type { Connections } from '../connections/connections.ts';
import type { Http2Requests } from '../connections/http2-requests.ts';
import { InFlight } from '../execute/concurrency/in-flight.ts';
import { NewConnections } from '../execute/concurrency/new-connections.ts';
import { type Service, signature } from '../execute/service.ts';
import { signatureHeader } from '../reply/mesh-headers.ts';
import { addAdminRoutes, adminRoute } from './admin-routes.ts';
import { admitRequests, isWebSocketRequest, type RequestHandlers } from './admission.ts';
import { pathOfTarget } from './codec.ts';
import { addErrorResponses, maxHeaderBytes, respondToFrameworkError, respondToUnreadable } from './error-responses.ts';
import { createHttp2Requests } from './http2-requests.ts';
import { type Pipeline, PipelinedRequest } from './pipeline.ts';
import { handlePlan } from './plan-handler.ts';
import type { WebSockets } from './web-socket-server.ts';

/** HTTP server of a service. */
export interface HttpServer {
  readonly app: FastifyInstance;
  /** Handler of the requests over HTTP/2, whose connections another server accepts. */
  readonly http2: Http2Requests;
  /** Lets the readiness probe succeed, or fail. */
  setReady(isReady: boolean): void;
  /** Fails the readiness probe, and makes each answer the last of its connection. */
  drain(): void;
  /**
   * Answers the requests in flight, and closes. Nothing listens any more.
   *
   * @param maxMs maximum time for the requests in flight, in milliseconds
   * @param others end of the servers that have taken over connections
   */
  stop(maxMs: number, others: Promise<unknown>): Promise<void>;
}

/**
 * Creates the HTTP server of a service. It does not listen yet.
 *
 * @param acceptHttp2 takes over a connection that begins like HTTP/2
 */
export function createHttpServer(
  service: Service,
  watched: Connections,
  acceptHttp2: (socket: Socket) => void,
): HttpServer {
  const requests = new InFlight();
  let ready = false;
  let draining = false;
  /** Loaded when a client asks for the first one. */
  let webSockets: Promise<WebSockets> | undefined;
  const app = createApp(service, (socket) => pipelineOf(socket));
  const newConnections = new NewConnections<Socket>();
  app.server.on('connection', (socket) => {
    newConnections.add(socket);
    socket.once('close', () => newConnections.remove(socket));
  });
  addErrorResponses(app, service);
  addAdminRoutes(app, service, () => (draining ? 'draining' : ready ? 'ready' : 'not ready'));
  const handlers: RequestHandlers = {
    isLast: () => draining,
    admin: (request, response) => app.routing(request, response),
    webSocket(request, connection, head) {
      const { socket } = connection;
      newConnections.remove(socket);
      webSockets ??= import('./web-sockets.ts').then(({ createWebSockets }) =>
        createWebSockets(service, () => {
          requests.begin();
          return () => requests.end();
        }),
      );
      webSockets
        .then((server) => {
          server.accept(request, connection, head);
          if (draining) server.close();
        })
        .catch(() => socket.destroy());
    },
    plan: (request, response, turn, budget) =>
      handlePlan(service, request, response, turn, budget, () => draining).catch(() => turn.reset()),
  };
  const pipelineOf = admitRequests(app.server, service, watched, requests, handlers, (socket) => {
    newConnections.remove(socket);
    acceptHttp2(socket);
  });
  app.server.on('request', ({ socket }) => newConnections.remove(socket));
  return {
    app,
    http2: createHttp2Requests(service, handlers),
    setReady(isReady) {
      ready = isReady;
    },
    drain() {
      draining = true;
      void webSockets?.then((server) => server.close());
    },
    async stop(maxMs, others) {
      await newConnections.waitForRequests();
      const deadlineAt = performance.now() + maxMs;
      do {
        await requests.waitUntilEmpty(deadlineAt - performance.now());
        // Requests that have arrived in the meantime are read now: closing at once would reset them.
        await setImmediate();
      } while (!requests.isEmpty && performance.now() < deadlineAt);
      (await webSockets)?.terminate();
      const closed = app.close();
      // The remaining connections have sent no request, and the server would wait for one.
      app.server.closeAllConnections();
      // Those that have left HTTP/1.1 count as connections of this server until they are closed.
      void others.then(() => watched.closeAll());
      await closed;
    },
  };
}

/** Throws: no route has a schema that must be compiled. */
function noCompiler(): never {
  throw new Error('the routes of a service have no schemas');
}

function createApp(service: Service, pipelineOf: (socket: Socket) => Pipeline | undefined): FastifyInstance {
  const { readTimeoutMs } = service.budgets.limits;
  const app = Fastify({
    http: {
      maxHeaderSize: maxHeaderBytes,
      IncomingMessage: PipelinedRequest,
      shouldUpgradeCallback: isWebSocketRequest,
      // Without this, Node drops the repetitions of some headers, such as User-Agent.
      joinDuplicateHeaders: true,
      headersTimeout: readTimeoutMs,
      connectionsCheckingInterval: checkIntervalMs(readTimeoutMs),
    },
    requestTimeout: readTimeoutMs,
    rewriteUrl: ({ url = '' }) => adminRoute(pathOfTarget(url)),
    return503OnClosing: false,
    // No route has a schema, and the compilers of schemas would be loaded at each start.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    frameworkErrors: (error, request, reply) => respondToFrameworkError(service, error, request, reply as FastifyReply),
    clientErrorHandler: (error, socket) => respondToUnreadable(service, error, socket, pipelineOf(socket)),
  });
  // Bodies are ignored, so no method needs one, and no content type is wrong.
  for (const method of http.METHODS) {
    if (method !== 'CONNECT') app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  }
  app.addHook('onRequest', ({ raw }, reply, done) => {
    raw.resume();
    reply.header(signatureHeader, signature(service.identity)).header('x-content-type-options', 'nosniff');
    done();
  });
  return app;
}
