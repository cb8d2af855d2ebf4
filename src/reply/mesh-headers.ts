import { optional } from '../error/optional.ts';
import type { CalleeMesh, CallerMesh, CallResult } from './reply.ts';

/** Headers by name, in lower case. Several values of one name are joined by commas. */
export type Headers = Readonly<Record<string, string>>;

/** Returns the value of a header that a user names. Names such as `constructor` must not find what objects inherit. */
export function headerValue(headers: Headers, name: string): string | undefined {
  return Object.hasOwn(headers, name) ? headers[name] : undefined;
}

/** Header with `SERVICE/VERSION` in every answer of a meshmock. An answer without it comes from another program. */
export const signatureHeader = 'x-meshmock';

/**
 * Metadata of a call of a gRPC method other than `Call`: the plan of its callee, as a path. Without it, the plan is the path
 * of the method.
 */
export const planHeader = 'x-meshmock-plan';

/** Trailer of an answer to a gRPC method other than `Call`: the reply, as the message `meshmock.v1.Reply`. */
export const replyTrailer = 'x-meshmock-reply-bin';

/** Header of the answer of an overloaded meshmock, over HTTP and gRPC: seconds after which a caller may try again. */
export const retryAfterHeader = 'retry-after';

/** Value of `retry-after`, in seconds. A service takes requests again within a second after the load ends. */
export const retryAfterSeconds = 1;

/** Returns the version of the meshmock that signed an answer. */
export function signedVersion(call: CallResult<unknown>): string | undefined {
  return signatureOf(call)?.[1];
}

/** Returns the service name of the meshmock that signed an answer. */
export function signedService(call: CallResult<unknown>): string | undefined {
  return signatureOf(call)?.[0];
}

function signatureOf({ answeredBy, headers }: CallResult<unknown>): string[] | undefined {
  return answeredBy === 'service' ? headers?.[signatureHeader]?.split('/') : undefined;
}

/** Header with the number of the caller's attempt, from 1. */
export const attemptHeader = 'x-meshmock-attempt';

/** Headers of a request that show nothing of the mesh. */
export const noMesh: CalleeMesh = {};

/** Returns what the headers of a request show of the mesh, to the callee: `noMesh` if it is nothing. */
export function calleeMesh(headers: Headers): CalleeMesh {
  const attempt = attemptOf(headers);
  const { 'x-request-id': requestId, 'x-forwarded-client-cert': certificates } = headers;
  const mesh: CalleeMesh = {
    ...(attempt === undefined ? {} : { attempt }),
    ...(requestId ? { requestId } : {}),
    ...(certificates === undefined ? {} : identitiesOf(lastElement(certificates))),
  };
  return Object.keys(mesh).length === 0 ? noMesh : mesh;
}

/** Returns the identities of both ends of a connection with mutual TLS, as the callee's proxy shows them. */
function identitiesOf(certificate: string): Pick<CalleeMesh, 'peerIdentity' | 'ownIdentity'> {
  return {
    ...optional('peerIdentity', nonEmpty(valueOfKey(certificate, 'URI'))),
    ...optional('ownIdentity', nonEmpty(valueOfKey(certificate, 'By'))),
  };
}

/** Returns the higher of two counts: a proxy counts its own attempts, from 1 for each attempt of the caller. */
function attemptOf(headers: Headers): number | undefined {
  const attempt = Math.max(countOf(headers['x-envoy-attempt-count']), countOf(headers[attemptHeader]));
  return attempt === 0 ? undefined : attempt;
}

/** Returns 0 for a text that is not a number. */
function countOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

/** Returns what the headers of an answer show of the mesh, to the caller. */
export function callerMesh(headers: Headers): CallerMesh | undefined {
  const server = headers.server;
  const proxy = server === 'envoy' || server === 'istio-envoy' ? server : undefined;
  const upstreamMs = Number(headers['x-envoy-upstream-service-time'] ?? Number.NaN);
  if (proxy === undefined && Number.isNaN(upstreamMs)) return undefined;
  return { ...optional('proxy', proxy), ...optional('upstreamMs', Number.isNaN(upstreamMs) ? undefined : upstreamMs) };
}

const nonEmpty = (value: string | undefined): string | undefined => value || undefined;

/** Returns the last element of `x-forwarded-client-cert`: the proxy nearest to the callee appends its own (Envoy). */
function lastElement(certificates: string): string {
  let start = 0;
  let quoted = false;
  for (let index = 0; index < certificates.length; index++) {
    const char = certificates[index];
    if (char === '"' && certificates[index - 1] !== '\\') quoted = !quoted;
    if (char === ',' && !quoted) start = index + 1;
  }
  return certificates.slice(start).trim();
}

/** Returns the value of a `key=value` pair. Quoted values may contain separators, so pairs end only outside quotes. */
function valueOfKey(element: string, key: string): string | undefined {
  for (const [, name, quoted, plain] of element.matchAll(/([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^;"]*))(?:;|$)/gy)) {
    if (name?.toLowerCase() === key.toLowerCase()) return quoted ?? plain;
  }
  return undefined;
}
