import http from 'node:http';
import net from 'node:net';
import { setImmediate } from 'node:timers/promises';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Answer, answer } from '../execute/answer.ts';
import { InFlight } from '../execute/concurrency/in-flight.ts';
import { type Service, signature } from '../execute/service.ts';
import { type Header, headerFields } from '../plan/plan.ts';
import { signatureHeader } from '../reply/mesh-headers.ts';
import { addAdminRoutes, adminRoute, isAdminPath } from './admin-routes.ts';
import { type EncodedReply, encode, pathOfTarget, plainHeaders } from './codec.ts';
import { encodeEcho } from './echo-form.ts';
import { addErrorResponses, maxHeaderBytes, respondToFrameworkError, respondToUnreadable } from './error-responses.ts';

/** Route of every plan. No client requests it by this name. */
const planRoute = '/plan';

/** HTTP server of a service. */
export interface HttpServer {
  readonly app: FastifyInstance;
  /** Serves the connections of another listener too, and closes it at the end. */
  serveAlso(listener: net.Server): void;
  /** Lets the readiness probe succeed. */
  setReady(): void;
  /**
   * Fails the readiness probe, answers the requests in flight, and closes. For at most `drainMs` milliseconds it also
   * answers new requests, each as the last of its connection.
   *
   * @param maxMs maximum time for the requests in flight, in milliseconds
   */
  stop(drainMs: number, maxMs: number): Promise<void>;
}

/** Creates the HTTP server of a service. It does not listen yet. */
export function createHttpServer(service: Service): HttpServer {
  const requests = new InFlight();
  const connections = new InFlight();
  let ready = false;
  let draining = false;
  /** Makes every answer of a server that stops the last of its connection. */
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
    requests.begin();
    reply.raw.once('close', () => requests.end());
    closeWhenDraining(reply);
    done();
  });
  addErrorResponses(app, service);
  addAdminRoutes(app, service, () => ready && !draining);
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
      const { contentType, body } = encodeAnswer(service, answered, request);
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
      // An HTTP server accepts connections of others (Node, event `connection` of http.Server).
      listener.on('connection', (socket) => app.server.emit('connection', socket));
      listeners.push(listener);
    },
    setReady() {
      ready = true;
    },
    async stop(drainMs, maxMs) {
      draining = true;
      // Kept connections get one more answer: closing them at once would reset requests on their way.
      await connections.waitUntilEmpty(drainMs);
      // Only the listeners are closed: http.Server.close would also cut off answers in the buffer of a socket.
      for (const listener of listeners) net.Server.prototype.close.call(listener);
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

function encodeAnswer(
  { role }: Service,
  { reply, isPlain }: Extract<Answer, { kind: 'reply' }>,
  request: FastifyRequest,
): EncodedReply {
  if (role.kind === 'echo' && reply.error === undefined) return encodeEcho(role.form, reply, request);
  return encode(reply, request, isPlain);
}

function addHeaders(reply: FastifyReply, headers: readonly Header[]): void {
  // The only header that cannot be joined to a list (RFC 9110 section 5.3).
  const cookies = headers.filter(({ name }) => name === 'set-cookie');
  reply.headers(headerFields(headers.filter((header) => !cookies.includes(header))));
  if (cookies.length > 0)
    reply.header(
      'set-cookie',
      cookies.map(({ value }) => value),
    );
}

/** Status without content (RFC 9110 section 15.3.6). Node handles the other statuses without content. */
const resetContent = 205;

function createApp(service: Service): FastifyInstance {
  const app = Fastify({
    http: { maxHeaderSize: maxHeaderBytes },
    // A plan is not a route. The handler gets it as it arrived, with any characters.
    rewriteUrl: (request) => {
      const path = pathOfTarget(request.url ?? '/');
      return isAdminPath(path) ? adminRoute(path) : planRoute;
    },
    bodyLimit: Number.MAX_SAFE_INTEGER,
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => respondToFrameworkError(service, error, request, reply as FastifyReply),
    clientErrorHandler: (error, socket) => respondToUnreadable(service, error, socket),
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

/** Returns a signal that is aborted if the connection closes before the answer is sent. */
function clientClosedSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
