import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Tls } from '../reply/reply.ts';

/** Returns the facts of a connection that a server has accepted, or undefined without TLS. Its client is verified. */
export function acceptedTls(socket: Socket): Tls | undefined {
  if (!isTls(socket)) return undefined;
  const { servername } = socket;
  return { ...commonFacts(socket), ...(typeof servername === 'string' && servername !== '' && { sni: servername }) };
}

/** Returns the facts of a connection that this process has made, or undefined without TLS. */
export function dialledTls(socket: Socket): Tls | undefined {
  if (!isTls(socket)) return undefined;
  const { servername } = socket as TLSSocket & { readonly servername?: string | false };
  return {
    ...commonFacts(socket),
    ...(servername && { sni: servername }),
    ...(!socket.authorized && { unverified: true }),
  };
}

function isTls(socket: Socket): socket is TLSSocket {
  return (socket as Partial<TLSSocket>).encrypted === true;
}

function commonFacts(socket: TLSSocket): Tls {
  const { alpnProtocol } = socket;
  const peer = identityOf(socket);
  return {
    version: socket.getProtocol() ?? 'unknown',
    ...(typeof alpnProtocol === 'string' && { alpn: alpnProtocol }),
    ...(peer !== undefined && { peer }),
  };
}

/** Returns the identity in the certificate of the other end: its SPIFFE id, else its first DNS name, else its subject. */
function identityOf(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const names = certificate.subjectAltName ?? '';
  const spiffe = /(?:^|, )URI:"?(spiffe:\/\/[^",\s]+)/.exec(names)?.[1];
  const dns = /(?:^|, )DNS:"?([^",\s]+)/.exec(names)?.[1];
  return spiffe ?? dns ?? (certificate.subject?.replaceAll('\n', ', ') || undefined);
}
