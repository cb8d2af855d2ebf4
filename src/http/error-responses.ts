import http from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MeshmockError } from '../error/meshmock-error.ts';
import { type Service, signature } from '../execute/service.ts';
import { signatureHeader } from '../reply/mesh-headers.ts';
import type { Reply } from '../reply/reply.ts';
import { requestError } from '../reply/request-error.ts';
import { statusOfError } from '../reply/status.ts';
import { encode } from './codec.ts';

/** Maximum size of a request line and its headers, in bytes. It exceeds Envoy's 60 KiB. */
export const maxHeaderBytes = 64 * 1024;

type FrameworkError = Error & { statusCode?: number };

/** Adds answers to requests that are not plans: unknown admin routes, and errors of fastify. */
export function addErrorResponses(app: FastifyInstance, service: Service): void {
  app.setErrorHandler((error: FrameworkError, request, reply) =>
    respondToFrameworkError(service, error, request, reply),
  );
  app.setNotFoundHandler((request, reply) => {
    const message = `${request.originalUrl} is not an admin route; the routes are /-/healthy, /-/ready and /-/plan/…`;
    return respondWithError(service, request, reply, new MeshmockError('not_found', message));
  });
  // An unknown expectation is ignored, which RFC 9110 section 10.1.1 permits.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}

/** Answers an error of fastify in our form. */
export function respondToFrameworkError(
  service: Service,
  error: FrameworkError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const code = (error.statusCode ?? 500) < 500 ? 'bad_request' : 'internal';
  return respondWithError(service, request, reply, new MeshmockError(code, error.message));
}

function respondWithError(
  service: Service,
  request: FastifyRequest,
  reply: FastifyReply,
  error: MeshmockError,
): FastifyReply {
  const errored = errorReply(service, error);
  const { contentType, body } = encode(errored, request);
  return reply
    .code(errored.status)
    .headers({
      'content-type': contentType,
      [signatureHeader]: signature(service.identity),
      'x-content-type-options': 'nosniff',
    })
    .send(body);
}

function errorReply(service: Service, error: MeshmockError): Reply {
  return { ...service.identity, status: statusOfError(error), error: requestError(error) };
}

const maxReadMs = 1000;

/** Answers a request that Node could not parse, and gives the client time to read the answer. */
export function respondToUnreadable(service: Service, error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const errored = errorReply(
    service,
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new MeshmockError('header_too_large', `the request line and headers take more than ${maxHeaderBytes} bytes`)
      : new MeshmockError('bad_request', `this is not an HTTP request: ${error.message}`),
  );
  const body = `${JSON.stringify(errored, undefined, 2)}\n`;
  const head = [
    `HTTP/1.1 ${errored.status} ${http.STATUS_CODES[errored.status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `${signatureHeader}: ${signature(service.identity)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // Closing with unread bytes in the buffer would reset the connection, and the client would not see the answer.
  socket.resume();
  setTimeout(() => socket.destroy(), maxReadMs).unref();
}
