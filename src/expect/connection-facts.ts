import { httpVersionOf } from '../reply/http-version.ts';
import type { CallResult, Tls } from '../reply/reply.ts';

/** Facts of the connection of a call, as its callee sees it. */
export const connectionFacts = ['tls-version', 'sni', 'alpn', 'tls-peer', 'http-version'] as const;

type ConnectionFact = (typeof connectionFacts)[number];

/** Facts of the connection of a call, as its caller sees it. A proxy in between has two connections. */
export const callerConnectionFacts = [
  'caller-tls-version',
  'caller-sni',
  'caller-alpn',
  'caller-tls-peer',
  'caller-http-version',
] as const satisfies `caller-${ConnectionFact}`[];

type CallerConnectionFact = (typeof callerConnectionFacts)[number];

/**
 * Returns a fact of the connection that the callee accepted: `null` if the connection does not have it, and undefined if
 * the reply does not show it. A callee that received plain text does not show whether a proxy before it ended TLS.
 */
export function calleeConnectionText({ reply }: CallResult, fact: ConnectionFact): string | null | undefined {
  const request = reply?.request;
  if (request === undefined) return undefined;
  return fact === 'http-version' ? httpVersionOf(request) : tlsText(request.tls, fact);
}

/**
 * Returns a fact of the connection that the caller made: `null` if the connection does not have it, such as all of those of
 * TLS if the scheme has no TLS, and undefined if the call does not show it.
 */
export function callerConnectionText(call: CallResult, fact: CallerConnectionFact): string | null | undefined {
  const { scheme, tls, httpVersion, answeredBy } = call;
  if (answeredBy === 'nobody') return undefined;
  const own = ownFact(fact);
  if (own !== 'http-version') return tls === undefined && plainSchemes.has(scheme) ? null : tlsText(tls, own);
  if (scheme === 'tcp') return null;
  if (tls === undefined && !plainSchemes.has(scheme)) return undefined;
  return scheme.startsWith('grpc') ? '2' : (httpVersion ?? '1.1');
}

const plainSchemes: ReadonlySet<string> = new Set(['http', 'grpc', 'ws', 'tcp']);

function ownFact(fact: CallerConnectionFact): ConnectionFact {
  switch (fact) {
    case 'caller-tls-version':
      return 'tls-version';
    case 'caller-sni':
      return 'sni';
    case 'caller-alpn':
      return 'alpn';
    case 'caller-tls-peer':
      return 'tls-peer';
    case 'caller-http-version':
      return 'http-version';
  }
}

function tlsText(tls: Tls | undefined, fact: Exclude<ConnectionFact, 'http-version'>): string | null | undefined {
  if (tls === undefined) return undefined;
  switch (fact) {
    case 'tls-version':
      return tls.version;
    case 'sni':
      return tls.sni ?? null;
    case 'alpn':
      return tls.alpn ?? null;
    case 'tls-peer':
      return tls.peer ?? null;
  }
}
