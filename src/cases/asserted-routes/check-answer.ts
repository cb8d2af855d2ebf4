import type { CallResult } from '../../reply/reply.ts';
import type { AssertedRequest, Fault, Redirect } from '../asserted-route.ts';
import {
  type AssertionResult,
  describeOutcome,
  isFaultAnswer,
  notSeenResult,
  type RouteEvidence,
  seenResult,
} from './route-evidence.ts';
import { matchesShare, shareResult } from './shares.ts';

/** Checks that the answer is the asserted redirect. */
export function checkRedirect(redirect: Redirect, request: AssertedRequest, evidence: RouteEvidence): AssertionResult {
  const { uri, authority, scheme, port, status } = redirect;
  const origin = [
    scheme === undefined ? '' : `${scheme}://`,
    authority ?? '',
    port === undefined ? '' : `:${port}`,
  ].join('');
  const expected = `redirect with ${status} to ${origin}${uri ?? (origin === '' ? 'itself' : '')}`;
  if (uri?.includes('%') === true) return notSeenResult(expected, 'Envoy replaces the text between "%" signs');
  const [call] = evidence.calls;
  const location = call?.headers?.location ?? '';
  const seen = describeOutcome(evidence);
  if (call?.status !== status || !URL.canParse(location)) return seenResult(expected, seen, false);
  const target = new URL(location);
  const sent = new URL(`http://${request.authority}${request.uri}`);
  const wanted = authority === undefined ? sent : new URL(`${target.protocol}//${authority}`);
  const path = uri ?? sent.pathname + sent.search;
  const holds =
    [target.pathname, target.pathname + target.search].includes(path) &&
    target.hostname === wanted.hostname &&
    (scheme === undefined || target.protocol === `${scheme}:`) &&
    (port === undefined ? target.port === wanted.port : portOf(target) === port);
  return seenResult(expected, seen, holds);
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

/** Checks that the proxy delays and aborts the asserted share of the requests. */
export function checkFault({ delay, abort }: Fault, evidence: RouteEvidence): AssertionResult[] {
  return [
    ...(delay === undefined ? [] : [checkDelay(delay, evidence)]),
    ...(abort === undefined ? [] : [checkAbort(abort, evidence)]),
  ];
}

/**
 * Time that a busy machine adds to a delay, in milliseconds. On two cores with thirty processes that compete for them,
 * the fastest of ten requests without a delay took 77 ms.
 */
const noiseMs = 100;

/** Checks the number of delays by the counters of the proxies, and their length by the fastest delayed request. */
function checkDelay(
  { delayMs, percent }: NonNullable<Fault['delay']>,
  { calls, delays }: RouteEvidence,
): AssertionResult {
  const expected = `${percentTitle(percent)} delayed by ${delayMs} ms`;
  const timesMs = calls.map(beforeUpstreamMs).sort((one, other) => one - other);
  const fastestMs = timesMs[Math.max(0, calls.length - delays)];
  if (fastestMs !== undefined && (fastestMs < delayMs * 0.97 || fastestMs > delayMs * 1.2 + noiseMs))
    return seenResult(expected, `${delays} of ${calls.length} delayed, by ${Math.round(fastestMs)} ms`, false);
  return checkShare(expected, 'delayed', delays, calls.length, percent);
}

/** Returns the time of a call without the time of the service that the first proxy called, in milliseconds. */
function beforeUpstreamMs({ durationMs = 0, mesh }: CallResult): number {
  return durationMs - (mesh?.upstreamMs ?? 0);
}

function checkAbort({ status, percent }: NonNullable<Fault['abort']>, { calls }: RouteEvidence): AssertionResult {
  const expected = `${percentTitle(percent)} aborted with ${status.status}`;
  if (status.kind === 'grpc')
    return notSeenResult(expected, 'the requests are HTTP, and their answers have no gRPC status');
  const faults = calls.filter(isFaultAnswer);
  const others = new Set(faults.map((call) => call.status).filter((one) => one !== status.status));
  if (others.size > 0) {
    const seen = `${faults.length} of ${calls.length} aborted, with ${[...others].join(', ')} too`;
    return seenResult(expected, seen, false);
  }
  return checkShare(expected, `aborted with ${status.status}`, faults.length, calls.length, percent);
}

function checkShare(expected: string, what: string, count: number, all: number, percent: number): AssertionResult {
  return shareResult(expected, `${count} of ${all} ${what}`, all, matchesShare(count, all, percent / 100));
}

function percentTitle(percent: number): string {
  return percent === 100 ? 'all' : `${percent} %`;
}
