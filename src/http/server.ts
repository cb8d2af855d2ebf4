import http from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { answer } from '../execute/answer.ts';
import { type Service, signature, signatureHeader } from '../execute/service.ts';
import { MeshmockError } from '../plan/error.ts';
import { requestError } from '../reply/refusal.ts';
import type { RawReply, Reply } from '../reply/reply.ts';
import { statusOfError } from '../reply/status.ts';
import { encode, pathOfTarget, plainHeaders } from './codec.ts';
import { addOwnPaths, isOwnPath, ownRoute } from './own-paths.ts';

/** Bytes that a request line and its headers may take together: more than Envoy's 60 KiB. */
export const maxHeaderBytes = 64 * 1024;

/** Not a path that anyone asks for: every plan is rewritten to it. */
const planRoute = '/plan';

export interface HttpServer {
  readonly app: FastifyInstance;
  /** Answers what is under way, each the last of its connection, then closes. From the start the readiness probe fails. */
  stop(): Promise<void>;
}

/** Makes the HTTP server of a service; it does not listen yet. */
export function createHttpServer(service: Service): HttpServer {
  const open = new OpenRequests();
  const app = Fastify({
    http: { maxHeaderSize: maxHeaderBytes },
    // A plan is no route: it is handed on as it came, whatever characters it has.
    rewriteUrl: (request) => {
      const path = pathOfTarget(request.url ?? '/');
      return isOwnPath(path) ? ownRoute(path) : planRoute;
    },
    bodyLimit: Number.MAX_SAFE_INTEGER,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
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
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header(signatureHeader, signature(service.identity)).header('x-content-type-options', 'nosniff');
    if (open.draining) reply.header('connection', 'close');
    open.add(reply);
    done();
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const code = (error.statusCode ?? 500) < 500 ? 'bad_request' : 'internal';
    return refuse(service, request, reply, new MeshmockError(code, error.message));
  });
  app.setNotFoundHandler((request, reply) => {
    const message = `${request.originalUrl} is no path of the service's own: there are /-/healthy, /-/ready and /-/plan/…`;
    return refuse(service, request, reply, new MeshmockError('not_found', message));
  });
  addOwnPaths(app, service, () => !open.draining);
  app.route({
    method: app.supportedMethods,
    url: planRoute,
    handler: async (request, reply) => {
      const answered = await answer(service, {
        protocol: 'http',
        method: request.method,
        plan: { kind: 'path', path: pathOfTarget(request.originalUrl) },
        headers: plainHeaders(request.headers),
        signal: goneSignal(reply),
      });
      return send(reply, answered, request);
    },
  });
  return {
    app,
    async stop() {
      const closed = app.close();
      await open.drain();
      // What is left has sent no request, and would be waited for until it does.
      app.server.closeAllConnections();
      await closed;
    },
  };
}

/** The requests under way. */
class OpenRequests {
  draining = false;
  private count = 0;
  private readonly drained = Promise.withResolvers<void>();

  add(reply: FastifyReply): void {
    this.count++;
    reply.raw.once('close', () => {
      this.count--;
      this.resolveWhenDrained();
    });
  }

  drain(): Promise<void> {
    this.draining = true;
    this.resolveWhenDrained();
    return this.drained.promise;
  }

  private resolveWhenDrained(): void {
    if (this.draining && this.count === 0) this.drained.resolve();
  }
}

/** Aborted when the connection closes before the answer is out. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

function send(reply: FastifyReply, answered: Reply<RawReply>, request: FastifyRequest): FastifyReply {
  const { contentType, body } = encode(answered, request);
  return reply.code(answered.status).header('content-type', contentType).send(body);
}

function refuse(service: Service, request: FastifyRequest, reply: FastifyReply, error: MeshmockError): FastifyReply {
  return send(reply, { ...service.identity, status: statusOfError[error.code], error: requestError(error) }, request);
}

/** Answers what Node could not read as a request, and gives the client time to read the answer. */
function refuseUnreadable(service: Service, error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const refusal =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new MeshmockError('header_too_large', `the request line and headers take more than ${maxHeaderBytes} bytes`)
      : new MeshmockError('bad_request', `this is no HTTP request: ${error.message}`);
  const status = statusOfError[refusal.code];
  const body = `${JSON.stringify({ ...service.identity, status, error: requestError(refusal) }, undefined, 2)}\n`;
  const head = [
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `${signatureHeader}: ${signature(service.identity)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // Closing with unread bytes in the buffer would reset the connection, and the client would never see why.
  socket.resume();
  setTimeout(() => socket.destroy(), 1000).unref();
}
