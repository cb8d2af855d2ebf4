import http from 'node:http';
import net from 'node:net';
import { setImmediate } from 'node:timers/promises';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { answer } from '../execute/answer.ts';
import { InFlight } from '../execute/concurrency/in-flight.ts';
import { type Service, signature } from '../execute/service.ts';
import { type Header, headerFields } from '../plan/plan.ts';
import { signatureHeader } from '../reply/mesh-headers.ts';
import { addOwnPaths, isOwnPath, ownRoute } from './admin-routes.ts';
import { encode, pathOfTarget, plainHeaders } from './codec.ts';
import { addRefusals, maxHeaderBytes, refuseFramework, refuseUnreadable } from './error-responses.ts';

/** Not a path that anyone asks for: every plan is rewritten to it. */
const planRoute = '/plan';

export interface HttpServer {
  readonly app: FastifyInstance;
  /** Serves the connections of another listener as well, and closes it in the end. */
  serveAlso(listener: net.Server): void;
  /** From now on the readiness probe succeeds. */
  setReady(): void;
  /**
   * Answers what is under way, and for `drainMs` at most what else comes, each the last of its connection; then closes.
   * From the start the readiness probe fails.
   */
  stop(drainMs: number, longestMs: number): Promise<void>;
}

/** Makes the HTTP server of a service; it does not listen yet. */
export function createHttpServer(service: Service): HttpServer {
  const underWay = new InFlight();
  const connections = new InFlight();
  let ready = false;
  let draining = false;
  /** Every answer of a server that is to end is the last of its connection. */
  const closeWhenDraining = (reply: FastifyReply): void => {
    if (draining) reply.header('connection', 'close');
  };
  const app = createApp(service);
  const listeners: net.Server[] = [app.server];
  app.server.on('connection', (socket) => {
    connections.begin();
    socket.once('close', () => connections.end());
  });
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header(signatureHeader, signature(service.identity)).header('x-content-type-options', 'nosniff');
    underWay.begin();
    reply.raw.once('close', () => underWay.end());
    closeWhenDraining(reply);
    done();
  });
  addRefusals(app, service);
  addOwnPaths(app, service, () => ready && !draining);
  app.route({
    method: app.supportedMethods,
    url: planRoute,
    handler: async (request, reply) => {
      const answered = await answer(service, {
        protocol: 'http',
        method: request.method,
        plan: { kind: 'path', path: pathOfTarget(request.originalUrl) },
        headers: plainHeaders(request.headers),
        signal: clientClosedSignal(reply),
      });
      if (answered.kind === 'reset') {
        reply.hijack();
        request.raw.socket.resetAndDestroy();
        return reply;
      }
      closeWhenDraining(reply);
      const { contentType, body } = encode(answered.reply, request, answered.isPlain);
      const { status } = answered.reply;
      if (answered.headers.length > 0) addHeaders(reply, answered.headers);
      return reply
        .code(status)
        .header('content-type', contentType)
        .send(status === resetContent ? '' : body);
    },
  });
  return {
    app,
    serveAlso(listener) {
      // Connections may be handed to an HTTP server (Node, event `connection` of http.Server).
      listener.on('connection', (socket) => app.server.emit('connection', socket));
      listeners.push(listener);
    },
    setReady() {
      ready = true;
    },
    async stop(drainMs, longestMs) {
      draining = true;
      // Connections that callers keep open get their last answer: closing them at once would reset what is on its way.
      await connections.ended(drainMs);
      // Only the listeners: what http.Server.close does besides would cut off answers that lie in a socket's buffer.
      for (const listener of listeners) net.Server.prototype.close.call(listener);
      const latest = performance.now() + longestMs;
      do {
        await underWay.ended(latest - performance.now());
        // Requests that have arrived meanwhile are read now: closing at once would reset them.
        await setImmediate();
      } while (underWay.isAny && performance.now() < latest);
      const closed = app.close();
      // What is left has sent no request, and would be waited for until it does.
      app.server.closeAllConnections();
      await closed;
    },
  };
}

function addHeaders(reply: FastifyReply, headers: readonly Header[]): void {
  // The one header that is no list (RFC 9110 section 5.3).
  const cookies = headers.filter(({ name }) => name === 'set-cookie');
  reply.headers(headerFields(headers.filter((header) => !cookies.includes(header))));
  if (cookies.length > 0)
    reply.header(
      'set-cookie',
      cookies.map(({ value }) => value),
    );
}

/** Has no content (RFC 9110 section 15.3.6); of the others without, Node knows by itself. */
const resetContent = 205;

function createApp(service: Service): FastifyInstance {
  const app = Fastify({
    http: { maxHeaderSize: maxHeaderBytes },
    // A plan is no route: it is handed on as it came, whatever characters it has.
    rewriteUrl: (request) => {
      const path = pathOfTarget(request.url ?? '/');
      return isOwnPath(path) ? ownRoute(path) : planRoute;
    },
    bodyLimit: Number.MAX_SAFE_INTEGER,
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => refuseFramework(service, error, request, reply as FastifyReply),
    clientErrorHandler: (error, socket) => refuseUnreadable(service, error, socket),
  });
  for (const method of http.METHODS) {
    if (!app.supportedMethods.includes(method) && method !== 'CONNECT') app.addHttpMethod(method, { hasBody: true });
  }
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, body, done) => {
    body.resume();
    done(null);
  });
  return app;
}

/** Aborted when the connection closes before the answer is out. */
function clientClosedSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
