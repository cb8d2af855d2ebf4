import type { CalleeMesh, CallerMesh, CallResult } from './reply.ts';

/** Header names in lower case, several values of one name joined by a comma. */
export type Headers = Readonly<Record<string, string>>;

/** `SERVICE/VERSION`, which every answer of ours carries: an answer without it is somebody else's. */
export const signatureHeader = 'x-meshmock';

/** The version of a meshmock whose answer is no reply, from its signature. */
export function signedVersion(call: CallResult<unknown>): string | undefined {
  return signatureOf(call)?.[1];
}

/** The name of a meshmock whose answer is no reply, from its signature. */
export function signedService(call: CallResult<unknown>): string | undefined {
  return signatureOf(call)?.[0];
}

function signatureOf({ answeredBy, headers }: CallResult<unknown>): string[] | undefined {
  return answeredBy === 'service' ? headers?.[signatureHeader]?.split('/') : undefined;
}

/** Which attempt a call of ours is, from 1, as its caller says. */
export const attemptHeader = 'x-meshmock-attempt';

/** What the callee can tell of the mesh from the request's headers. */
export function calleeMesh(headers: Headers): CalleeMesh {
  const attempt = attemptOf(headers);
  const certificate = lastElement(headers['x-forwarded-client-cert']);
  return {
    ...(attempt === undefined ? {} : { attempt }),
    ...optional('requestId', headers['x-request-id']),
    ...optional('peerIdentity', pairOf(certificate, 'URI')),
    ...optional('ownIdentity', pairOf(certificate, 'By')),
  };
}

/** A proxy counts its own attempts, and begins anew with each of the caller's: the higher of the two counts. */
function attemptOf(headers: Headers): number | undefined {
  const attempts = [headers['x-envoy-attempt-count'], headers[attemptHeader]].map((text = '') =>
    /^\d{1,9}$/.test(text) ? Number(text) : 0,
  );
  const known = attempts.filter((attempt) => attempt > 0);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** What the caller can tell of the mesh from the answer's headers. */
export function callerMesh(headers: Headers): CallerMesh | undefined {
  const server = headers.server;
  const proxy = server === 'envoy' || server === 'istio-envoy' ? server : undefined;
  const upstreamMs = Number(headers['x-envoy-upstream-service-time'] ?? Number.NaN);
  if (proxy === undefined && Number.isNaN(upstreamMs)) return undefined;
  return { ...optional('proxy', proxy), ...(Number.isNaN(upstreamMs) ? {} : { upstreamMs }) };
}

function optional<Name extends string>(name: Name, value: string | undefined): { [Key in Name]?: string } {
  return value === undefined || value === '' ? {} : ({ [name]: value } as { [Key in Name]: string });
}

/** The proxy nearest to the callee appends its element at the end (Envoy, `x-forwarded-client-cert`). */
function lastElement(certificates = ''): string {
  let start = 0;
  let quoted = false;
  for (let index = 0; index < certificates.length; index++) {
    const char = certificates[index];
    if (char === '"' && certificates[index - 1] !== '\\') quoted = !quoted;
    if (char === ',' && !quoted) start = index + 1;
  }
  return certificates.slice(start).trim();
}

function pairOf(element: string, key: string): string | undefined {
  // Subjects are quoted and may hold anything: pairs are told apart outside quotes only.
  for (const [, name, quoted, plain] of element.matchAll(/([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^;"]*))(?:;|$)/gy)) {
    if (name?.toLowerCase() === key.toLowerCase()) return quoted ?? plain;
  }
  return undefined;
}
