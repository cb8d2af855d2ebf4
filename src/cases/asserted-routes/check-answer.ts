import type { CallResult } from '../../reply/reply.ts';
import type { AssertedRequest, Fault, Redirect } from '../asserted-route.ts';
import { type AssertionResult, describeOutcome, isFaultAnswer, type RouteEvidence } from './route-evidence.ts';
import { matchesShare, tooFewRequests } from './shares.ts';

/** Whether the answer is a redirect to where it should lead. */
export function checkRedirect(redirect: Redirect, request: AssertedRequest, evidence: RouteEvidence): AssertionResult {
  const { uri, authority, scheme, port, status } = redirect;
  const parts = [scheme === undefined ? '' : `${scheme}://`, authority ?? '', port === undefined ? '' : `:${port}`];
  const expected = `redirect with ${status} to ${parts.join('')}${uri ?? (parts.join('') === '' ? 'itself' : '')}`;
  if (uri?.includes('%') === true)
    return { expected, seen: 'Envoy fills in what stands between "%"', holds: undefined };
  const [call] = evidence.calls;
  const location = call?.headers?.location ?? '';
  const seen = describeOutcome(evidence);
  if (call?.status !== status || !URL.canParse(location)) return { expected, seen, holds: false };
  const to = new URL(location);
  const sent = new URL(`http://${request.authority}${request.uri}`);
  const aim = authority === undefined ? sent : new URL(`${to.protocol}//${authority}`);
  const path = uri ?? sent.pathname + sent.search;
  const holds =
    [to.pathname, to.pathname + to.search].includes(path) &&
    to.hostname === aim.hostname &&
    (scheme === undefined || to.protocol === `${scheme}:`) &&
    (port === undefined ? to.port === aim.port : portOf(to) === port);
  return { expected, seen, holds };
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

/** Whether the proxy delays and aborts as many requests as it should. */
export function checkFault({ delay, abort }: Fault, evidence: RouteEvidence): AssertionResult[] {
  return [
    ...(delay === undefined ? [] : [checkDelay(delay, evidence)]),
    ...(abort === undefined ? [] : [checkAbort(abort, evidence)]),
  ];
}

/** On two cores with thirty processes that want one, the least of ten requests took 77 ms by itself. */
const noiseMs = 100;

/** Proxies count what they delay; by how much, the shortest time tells that these requests can have taken. */
function checkDelay(
  { delayMs, percent }: NonNullable<Fault['delay']>,
  { calls, delays }: RouteEvidence,
): AssertionResult {
  const expected = `${percentTitle(percent)} delayed by ${delayMs} ms`;
  const timesMs = calls.map(beforeUpstreamMs).sort((one, other) => one - other);
  const leastMs = timesMs[Math.max(0, calls.length - delays)];
  if (leastMs !== undefined && (leastMs < delayMs * 0.97 || leastMs > delayMs * 1.2 + noiseMs))
    return { expected, seen: `${delays} of ${calls.length} delayed, by ${Math.round(leastMs)} ms`, holds: false };
  return checkShare(expected, 'delayed so', delays, calls.length, percent);
}

/** What a call took without what the service behind the first proxy took. */
function beforeUpstreamMs({ durationMs = 0, mesh }: CallResult): number {
  return durationMs - (mesh?.upstreamMs ?? 0);
}

function checkAbort({ status, percent }: NonNullable<Fault['abort']>, { calls }: RouteEvidence): AssertionResult {
  const expected = `${percentTitle(percent)} aborted with ${status.status}`;
  if (status.kind === 'grpc')
    return { expected, seen: 'what is sent is HTTP, and that status is of gRPC', holds: undefined };
  const faults = calls.filter(isFaultAnswer);
  const others = new Set(faults.map((call) => call.status).filter((one) => one !== status.status));
  if (others.size > 0)
    return {
      expected,
      seen: `${faults.length} of ${calls.length} aborted, with ${[...others].join(', ')} too`,
      holds: false,
    };
  return checkShare(expected, `aborted with ${status.status}`, faults.length, calls.length, percent);
}

function checkShare(expected: string, what: string, count: number, all: number, percent: number): AssertionResult {
  const holds = matchesShare(count, all, percent / 100);
  return holds === undefined
    ? { expected, ...tooFewRequests(all) }
    : { expected, seen: `${count} of ${all} ${what}`, holds };
}

function percentTitle(percent: number): string {
  return percent === 100 ? 'all' : `${percent} %`;
}
