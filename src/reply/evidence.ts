import type { CalleeMesh, CallerMesh } from './reply.ts';

/** Header names in lower case, several values of one name joined by a comma. */
export type Headers = Readonly<Record<string, string>>;

const secretNames =
  /^(?:authorization|proxy-authorization|cookie|set-cookie|jwt|x-api-key|x-forwarded-authorization)$|token|secret|password|credential/;

/** The headers as a reply may show them: the values of secrets are left out. */
export function shownHeaders(headers: Headers): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const name in headers) shown[name] = secretNames.test(name) ? '[redacted]' : (headers[name] ?? '');
  return shown;
}

/** What the callee can tell of the mesh from the request's headers. */
export function calleeMesh(headers: Headers): CalleeMesh {
  const attempt = Number(headers['x-envoy-attempt-count']);
  const certificate = lastElement(headers['x-forwarded-client-cert']);
  return {
    ...(Number.isInteger(attempt) && attempt > 0 ? { attempt } : {}),
    ...optional('requestId', headers['x-request-id']),
    ...optional('peerIdentity', pairOf(certificate, 'URI')),
    ...optional('ownIdentity', pairOf(certificate, 'By')),
  };
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
  return new RegExp(`(?:^|;)${key}="?([^;"]*)`, 'i').exec(element)?.[1];
}
