import http from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { checkIntervalMs } from '../connections/check-interval.ts';
import type { Connections } from '../connections/connections.ts';
import { InFlight } from '../execute/concurrency/in-flight.ts';
import { NewConnections } from '../execute/concurrency/new-connections.ts';
import { type Service, signature } from '../execute/service.ts';
import { signatureHeader } from '../reply/mesh-headers.ts';
import { addAdminRoutes, adminRoute } from './admin-routes.ts';
import { admitRequests } from './admission.ts';
import { pathOfTarget } from './codec.ts';
import { addErrorResponses, maxHeaderBytes, respondToFrameworkError, respondToUnreadable } from './error-responses.ts';
import { type Pipeline, PipelinedRequest } from './pipeline.ts';
import { handlePlan } from './plan-handler.ts';

/** HTTP server of a service. */
export interface HttpServer {
  readonly app: FastifyInstance;
  /** Lets the readiness probe succeed, or fail. */
  setReady(isReady: boolean): void;
  /** Fails the readiness probe, and makes each answer the last of its connection. */
  drain(): void;
  /**
   * Answers the requests in flight, and closes. Nothing listens any more.
   *
   * @param maxMs maximum time for the requests in flight, in milliseconds
   */
  stop(maxMs: number): Promise<void>;
}

/** Creates the HTTP server of a service. It does not listen yet. */
export function createHttpServer(service: Service, watched: Connections): HttpServer {
  const requests = new InFlight();
  let ready = false;
  let draining = false;
  const app = createApp(service, (socket) => pipelineOf(socket));
  const newConnections = new NewConnections<Socket>();
  app.server.on('connection', (socket) => {
    newConnections.add(socket);
    socket.once('close', () => newConnections.remove(socket));
  });
  addErrorResponses(app, service);
  addAdminRoutes(app, service, () => (draining ? 'draining' : ready ? 'ready' : 'not ready'));
  const pipelineOf = admitRequests(app.server, service, watched, requests, {
    isLast: () => draining,
    admin: (request, response) => app.routing(request, response),
    plan: (request, response, turn, budget) =>
      handlePlan(service, request, response, turn, budget, () => draining).catch(() => turn.reset()),
  });
  app.server.on('request', ({ socket }) => newConnections.remove(socket));
  return {
    app,
    setReady(isReady) {
      ready = isReady;
    },
    drain() {
      draining = true;
    },
    async stop(maxMs) {
      await newConnections.waitForRequests();
      const deadlineAt = performance.now() + maxMs;
      do {
        await requests.waitUntilEmpty(deadlineAt - performance.now());
        // Requests that have arrived in the meantime are read now: closing at once would reset them.
        await setImmediate();
      } while (!requests.isEmpty && performance.now() < deadlineAt);
      const closed = app.close();
      // The remaining connections have sent no request, and the server would wait for one.
      app.server.closeAllConnections();
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
