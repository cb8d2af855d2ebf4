import http from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MeshmockError } from '../error/meshmock-error.ts';
import { firstBytes } from '../error/text-bytes.ts';
import { enoughRoom } from '../execute/budgets/parse-room.ts';
import { type Service, signature } from '../execute/service.ts';
import { errorReply } from '../reply/error-reply.ts';
import { signatureHeader } from '../reply/mesh-headers.ts';
import { encode } from './codec.ts';
import type { Pipeline } from './pipeline.ts';

/** Maximum size of a request line and its headers, in bytes. It exceeds Envoy's 60 KiB. */
export const maxHeaderBytes = 64 * 1024;

/** Maximum size of a request target in an error, in bytes. */
const shownTargetBytes = 200;

/** First byte of a client that begins TLS (RFC 8446 section 5.1). */
const handshakeByte = 0x16;

type FrameworkError = Error & { statusCode?: number };

/** Adds answers to requests that are not plans: unknown admin routes, and errors of fastify. */
export function addErrorResponses(app: FastifyInstance, service: Service): void {
  app.setErrorHandler((error: FrameworkError, request, reply) =>
    respondToFrameworkError(service, error, request, reply),
  );
  app.setNotFoundHandler((request, reply) => {
    const message = `${firstBytes(request.originalUrl, shownTargetBytes)} is not an admin route; the routes are /-/healthy, /-/ready and /-/plan/…`;
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
  const errored = errorReply(service.identity, error);
  const { contentType, body } = encode(errored, request.raw, enoughRoom);
  return reply
    .code(errored.status)
    .headers({
      'content-type': contentType,
      [signatureHeader]: signature(service.identity),
      'x-content-type-options': 'nosniff',
    })
    .send(body);
}

const maxReadMs = 1000;

/**
 * Answers bytes that are not a request, after the requests before them, and gives the client time to read the answer.
 *
 * @param pipeline requests of the connection
 */
export function respondToUnreadable(
  service: Service,
  error: UnreadableError,
  socket: Socket,
  pipeline: Pipeline | undefined,
): void {
  const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  // Connections that have sent nothing only end.
  if (isLate && socket.bytesRead > 0) service.budgets.refusals.add('read-timeout');
  const isMute = isLate && (socket.bytesRead === 0 || pipeline?.isBusy);
  if (!socket.writable || error.code === 'ECONNRESET' || isMute || pipeline === undefined) {
    socket.destroy();
    return;
  }
  if (!pipeline.fail()) return;
  if (beginsTls(error)) service.onUnusable(noTls);
  const answer = answerToUnreadable(service, error);
  pipeline.whenDrained(() => {
    if (!socket.writable) return;
    socket.end(answer);
    // Closing with unread bytes in the buffer would reset the connection, and the client would not see the answer.
    socket.resume();
    setTimeout(() => socket.destroy(), maxReadMs).unref();
  });
}

function answerToUnreadable(service: Service, error: UnreadableError): string {
  const errored = errorReply(service.identity, errorOfUnreadable(service, error));
  const body = `${JSON.stringify(errored, undefined, 2)}\n`;
  const head = [
    `HTTP/1.1 ${errored.status} ${http.STATUS_CODES[errored.status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `${signatureHeader}: ${signature(service.identity)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** Error of Node's parser, with the bytes that it could not read. */
type UnreadableError = Error & { readonly code?: string; readonly rawPacket?: unknown };

const noTls = 'the client speaks TLS, and this port does not: use --tls, or http: instead of https:';

function beginsTls({ rawPacket }: UnreadableError): boolean {
  return Buffer.isBuffer(rawPacket) && rawPacket[0] === handshakeByte;
}

function errorOfUnreadable({ budgets }: Service, error: UnreadableError): MeshmockError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new MeshmockError(
        'header_too_large',
        `the request line and headers take more than ${maxHeaderBytes} bytes`,
      );
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new MeshmockError('request_timeout', budgets.explain('read-timeout'));
    default:
      return new MeshmockError(
        'bad_request',
        beginsTls(error) ? noTls : `this is not an HTTP request: ${error.message}`,
      );
  }
}
