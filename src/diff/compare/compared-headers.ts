import type { Headers } from '../../reply/mesh-headers.ts';

/** Names of headers that differ between two equal requests or answers, or that other fields of an observation show. */
const ownNames = new Set([
  ':authority',
  ':method',
  ':path',
  ':scheme',
  'alt-svc',
  'b3',
  'connection',
  'content-length',
  'date',
  'grpc-accept-encoding',
  'grpc-timeout',
  'host',
  'keep-alive',
  'server',
  'traceparent',
  'tracestate',
  'transfer-encoding',
  'user-agent',
  'x-forwarded-client-cert',
  'x-forwarded-for',
  'x-request-id',
]);

/** Beginnings of such names. */
const ownBeginnings = ['x-b3-', 'x-envoy-', 'x-meshmock'];

/** Returns the headers of a request or an answer that two sides can be compared by. */
export function comparedHeaders(headers: Headers): Record<string, string> {
  const kept = Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !ownNames.has(name) && !ownBeginnings.some((beginning) => name.startsWith(beginning)))
    .map(([name, value]) => [name, name === 'set-cookie' ? cookieNames(value) : value]);
  return Object.fromEntries(kept.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

/** Returns the attributes of a cookie without its value, which names a pod if the balancer sets it. */
function cookieNames(value: string): string {
  return value.replaceAll(/^([^=;]+)=[^;]*/g, '$1=…');
}

/** Returns the names whose values differ, in order. */
export function differingNames(before: Headers, after: Headers): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).toSorted();
}
