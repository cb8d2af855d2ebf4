import type { CallErrorCode } from '../reply/reply.ts';

/** Codes of a call's error, by the codes of Node's sockets. */
export const socketErrorCodes: Readonly<Record<string, CallErrorCode>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ECONNABORTED: 'reset',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EMFILE: 'unreachable',
};

/** Returns the error of a connection: if several addresses were tried, that of the first one is enough. */
export function firstErrorOf(error: Error): NodeJS.ErrnoException {
  return error instanceof AggregateError ? error.errors[0] : error;
}
