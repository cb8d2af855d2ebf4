import { type StatusObject, status } from '@grpc/grpc-js';
import { tlsMessageOf } from '../dial/socket-error.ts';
import type { CallError, CallErrorCode } from '../reply/reply.ts';

/** Errors of a call by the details of a status that grpc-js creates when no server answers. */
const patterns: readonly (readonly [RegExp, CallErrorCode])[] = [
  [/ECONNREFUSED/, 'refused'],
  [/EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EMFILE/, 'unreachable'],
  [/certificate|CERT_|SSL|TLS|EPROTO/i, 'tls'],
  [/ETIMEDOUT/, 'timeout'],
  [/ECONNRESET|EPIPE|connection dropped|socket hang up|RST_STREAM|goaway|closed/i, 'reset'],
];

/** Returns the error of a call without an answer, or undefined if a server sent the status, without trailers. */
export function callErrorOf({ code, details }: Pick<StatusObject, 'code' | 'details'>): CallError | undefined {
  // An empty text would be absent in a message, and each error has one.
  const message = tlsMessageOf(details).replace(/ Resolution note: $/, '') || `status ${code}`;
  switch (code) {
    case status.DEADLINE_EXCEEDED:
      return { code: 'timeout', message };
    case status.CANCELLED:
      return { code: 'canceled', message };
    case status.RESOURCE_EXHAUSTED:
      // The second is ENHANCE_YOUR_CALM, with which answers are cut off for which there is no room.
      return /larger than max|bandwidth exhausted/i.test(details) ? { code: 'too_large', message } : undefined;
    case status.UNAVAILABLE:
    case status.INTERNAL: {
      if (/wrong version number/.test(details))
        return { code: 'tls', message: 'the server does not speak TLS: use grpc: instead of grpcs:' };
      const known = patterns.find(([pattern]) => pattern.test(details));
      if (known !== undefined) return { code: known[1], message };
      const hint = /protocol error/i.test(details) ? 'the server does not speak gRPC, perhaps HTTP/1.1 or TLS: ' : '';
      return { code: 'protocol', message: hint + message };
    }
    default:
      return undefined;
  }
}
