import { firstErrorOf, socketErrorCodes, tlsMessageOf } from '../dial/socket-error.ts';
import { DialError } from '../dial/target-resolver.ts';
import type { CallError, CallErrorCode } from '../reply/reply.ts';

/** Codes of a call's error, by the codes of Node's sockets, of undici and of TLS. */
const codes: Readonly<Record<string, CallErrorCode>> = {
  ...socketErrorCodes,
  UND_ERR_SOCKET: 'reset',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  EPROTO: 'tls',
};

/** Returns the error of a call, from the error of undici. */
export function callErrorOf(error: Error): CallError {
  if (error instanceof DialError) return error.callError;
  const first = firstErrorOf(error);
  if (/^Stream closed with error code/.test(first.message)) return { code: 'reset', message: first.message };
  const code = first.code ?? '';
  if (code.startsWith('HPE_') || first.name === 'HTTPParserError')
    return { code: 'protocol', message: `the server does not speak HTTP/1.1, perhaps gRPC or TLS: ${first.message}` };
  // An answer that arrives while the handshake is written is an EPROTO.
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || (code === 'EPROTO' && /:wrong version number:/.test(first.message)))
    return {
      code: 'tls',
      message: 'the server does not speak TLS: use http: instead of https:, or ws: instead of wss:',
    };
  const isTls = /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(code);
  return {
    code: codes[code] ?? (isTls ? 'tls' : 'protocol'),
    message: tlsMessageOf(first.message) || code || first.name,
  };
}
