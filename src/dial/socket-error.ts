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

const nodeAdvice = /; if the root CA is installed locally, try running Node\.js with --use-system-ca/g;

/**
 * Returns the message of an error of TLS with the flags that make a certificate trusted, in place of Node's own flag.
 *
 * @example
 * tlsMessageOf('self-signed certificate; if the root CA is installed locally, try running Node.js with --use-system-ca');
 * // 'self-signed certificate (trust its authority with --tls-ca of serve, or --cacert of call)'
 */
export function tlsMessageOf(message: string): string {
  return message.replace(nodeAdvice, ' (trust its authority with --tls-ca of serve, or --cacert of call)');
}
