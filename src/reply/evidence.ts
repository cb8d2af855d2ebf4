import type { CalleeMesh, CallerMesh, CallResult } from './reply.ts';

/** Header names in lower case, several values of one name joined by a comma. */
export type Headers = Readonly<Record<string, string>>;

const secretNames = /^(?:cookie|set-cookie)$|authorization|jwt|oidc|api-?key|token|secret|password|credential/;

/** The headers as a reply may show them: the values of secrets are left out. */
export function shownHeaders(headers: Headers): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const name in headers) shown[name] = secretNames.test(name) ? '[redacted]' : (headers[name] ?? '');
  return shown;
}

/** A path as a reply may show it: of the secret headers that a plan in it sets, the values are starred out. */
export function shownUri(uri: string): string {
  const opening = /(\[|%5b)([^=\]%[]{1,64})(?:=|%3d)/gi;
  let shown = '';
  let from = 0;
  for (let match = opening.exec(uri); match !== null; match = opening.exec(uri)) {
    if (!secretNames.test(match[2]?.toLowerCase() ?? '')) continue;
    const at = opening.lastIndex;
    const closing = match[1] === '[' ? uri.indexOf(']', at) : at + uri.slice(at).search(/\]|%5d/i);
    const end = closing < at ? uri.length : closing;
    shown += uri.slice(from, at) + '*'.repeat(end - at);
    from = end;
    opening.lastIndex = end;
  }
  return shown + uri.slice(from);
}

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
