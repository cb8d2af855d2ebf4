import { formatPath } from '../../plan/format.ts';
import { type Call, defaultPorts, type Header, type Plan } from '../../plan/plan.ts';
import type { Caller, Probe, TokenClaims } from '../probe.ts';
import { type SecretMarks, secretPart, shownPath, shownValue } from '../secret-values.ts';

/** Settings of written cases. */
export interface CaseSettings {
  /** Namespace of the file, whose names need no namespace. */
  readonly namespace: string;
  /** Returns a signed token; undefined if there is no key for it. */
  readonly tokenOf: (token: TokenClaims) => string | undefined;
  /** Texts in the place of secrets, as the report has them. */
  readonly secrets: SecretMarks;
}

/** Fields of a case that make its request; a reason if a case cannot make it. */
export type WrittenRequest =
  | { readonly kind: 'fields'; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly kind: 'none'; readonly reason: string };

/** Returns the fields of a case that makes the request of a probe. */
export function requestFields(probe: Probe, settings: CaseSettings): WrittenRequest {
  const { request, caller } = probe;
  const { token } = request;
  const secret = secretPart(request);
  if (secret !== undefined) return { kind: 'none', reason: `the value of the ${secret} may be secret` };
  const signed = token === undefined ? undefined : settings.tokenOf(token);
  if (token !== undefined && signed === undefined)
    return { kind: 'none', reason: `no key is known that signs tokens of ${token.issuer}` };
  const sent = token === undefined || signed === undefined ? request : withToken(request, token, signed);
  if (caller.kind === 'gateway') return { kind: 'fields', fields: gatewayFields(probe, caller, sent) };
  return {
    kind: 'fields',
    fields: { from: fromText(caller, settings), call: callText(probe, sent) },
  };
}

interface SentRequest {
  readonly path: string;
  readonly headers: readonly Header[];
}

function withToken({ path, headers }: SentRequest, { place }: TokenClaims, signed: string): SentRequest {
  switch (place.kind) {
    case 'header':
      return { path, headers: [...headers, { name: place.name, value: place.prefix + signed }] };
    case 'cookie':
      return { path, headers: [...headers, { name: 'cookie', value: `${place.name}=${signed}` }] };
    case 'parameter':
      return { path: `${path}${path.includes('?') ? '&' : '?'}${place.name}=${signed}`, headers };
  }
}

function gatewayFields(
  { request: { method, authority, protocol } }: Probe,
  { host, port, scheme }: Extract<Caller, { kind: 'gateway' }>,
  { path, headers }: SentRequest,
): Record<string, unknown> {
  const isTls = scheme === 'https';
  const name = protocol === 'grpc' ? (isTls ? 'grpcs' : 'grpc') : scheme;
  const suffix = port === (isTls ? 443 : 80) ? '' : `:${port}`;
  return {
    url: `${name}://${host}${suffix}${path}`,
    ...(protocol === 'grpc' || method === 'GET' ? {} : { method }),
    ...(authority === undefined ? {} : { host: authority }),
    ...(headers.length === 0
      ? {}
      : { headers: Object.fromEntries(headers.map(({ name: key, value }) => [key, value])) }),
  };
}

/** Returns the name of a caller in a file of cases. */
function fromText(caller: Exclude<Caller, { kind: 'gateway' }>, { namespace }: CaseSettings): string {
  if (caller.kind === 'outside') return 'outside';
  return caller.namespace === namespace ? caller.name : `${caller.name}.${caller.namespace}`;
}

/** Returns the path that a mock executes to make the call. */
function callText({ request, destination, mode }: Probe, { path, headers }: SentRequest): string {
  const { protocol, method, authority } = request;
  const times = mode.kind === 'burst' ? mode.count : 1;
  const call: Call = {
    scheme: protocol,
    host: destination.name,
    port: destination.port,
    times,
    headers: authority === undefined ? headers : [{ name: 'host', value: authority }, ...headers],
    options: {
      ...(protocol === 'http' && method !== 'GET' ? { method } : {}),
      ...(times > 1 ? { concurrency: times } : {}),
    },
    then: undefined,
  };
  const then: Plan = { kind: 'answer', directives: [], uri: path };
  return formatPath({ kind: 'calls', directives: [], stages: [[call]], then });
}

/** Returns a few words for the request, for the name of a case. */
export function requestTitle({ request, destination, caller, mode }: Probe, secrets: SecretMarks): string {
  const { method, path, headers, token, protocol } = request;
  const isPlain = destination.port === defaultPorts[protocol];
  const called = isPlain ? destination.name : `${destination.name}:${destination.port}`;
  const target = `${caller.kind === 'gateway' ? caller.host : called}${shownPath(path, secrets)}`;
  const parts = [
    protocol === 'http' ? method : protocol,
    target,
    ...headers.map((header) => `${header.name}=${shownValue(header, secrets)}`),
    ...(token === undefined
      ? []
      : [`with ${token.state === 'expired' ? 'an' : 'a'} ${token.state.replace('_', ' ')} token`]),
    ...(mode.kind === 'slow' ? ['if it is slow'] : []),
    ...(mode.kind === 'failing' ? ['if it fails'] : []),
    ...(mode.kind === 'burst' ? [`${mode.count} times at once`] : []),
  ];
  return parts.join(' ');
}
