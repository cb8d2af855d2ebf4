import type { CallError, CallErrorCode } from '../reply/reply.ts';

/** Codes of a call's error, by the codes of Node's sockets and DNS, of undici and of TLS. */
const codes: Readonly<Record<string, CallErrorCode>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ECONNABORTED: 'reset',
  UND_ERR_SOCKET: 'reset',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EAI_FAIL: 'dns',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EMFILE: 'unreachable',
  EPROTO: 'tls',
};

/** Returns the error of a call, from the error of undici. */
export function callErrorOf(error: Error): CallError {
  // If several addresses were tried, the error of the first one is enough.
  const first: Error & { code?: string } = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  const code = first.code ?? '';
  if (code.startsWith('HPE_')) return { code: 'protocol', message: `the server does not speak HTTP: ${first.message}` };
  const isTls = /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(code);
  return { code: codes[code] ?? (isTls ? 'tls' : 'protocol'), message: first.message };
}
