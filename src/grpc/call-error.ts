import { type ServiceError, status } from '@grpc/grpc-js';
import type { CallError, CallErrorCode } from '../reply/reply.ts';

/** What grpc-js writes into the details of the statuses that it makes up itself, when no server answered. */
const patterns: readonly (readonly [RegExp, CallErrorCode])[] = [
  [/ECONNREFUSED/, 'refused'],
  [/name resolution failed/i, 'dns'],
  [/ENOTFOUND|EAI_AGAIN/, 'dns'],
  [/EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EMFILE/, 'unreachable'],
  [/certificate|CERT_|SSL|TLS|EPROTO/i, 'tls'],
  [/ETIMEDOUT/, 'timeout'],
  [/ECONNRESET|EPIPE|connection dropped|socket hang up|RST_STREAM|goaway|closed/i, 'reset'],
];

/** Why no answer came; undefined when the status does not look made up: then a server sent it. */
export function callErrorOf({ code, details }: ServiceError): CallError | undefined {
  switch (code) {
    case status.DEADLINE_EXCEEDED:
      return { code: 'timeout', message: details };
    case status.CANCELLED:
      return { code: 'canceled', message: details };
    case status.RESOURCE_EXHAUSTED:
      return /larger than max|max/i.test(details) ? { code: 'too_large', message: details } : undefined;
    case status.UNAVAILABLE:
    case status.INTERNAL: {
      const known = patterns.find(([pattern]) => pattern.test(details));
      return { code: known?.[1] ?? 'protocol', message: details };
    }
    default:
      return undefined;
  }
}
