import type { CallError, CallErrorCode } from '../reply/reply.ts';

/** Codes of Node's sockets and DNS, of undici, and of TLS, as a caller should read them. */
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

/** Why no answer came, from what undici gave as the error. */
export function callErrorOf(error: Error): CallError {
  // Several addresses were tried: each failed by itself, and the first says enough.
  const first: Error & { code?: string } = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  const code = first.code ?? '';
  if (code.startsWith('HPE_')) return { code: 'protocol', message: `no HTTP is spoken there: ${first.message}` };
  const isTls = /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(code);
  return { code: codes[code] ?? (isTls ? 'tls' : 'protocol'), message: first.message };
}
