import type { AssertedRequest, Fault, Redirect } from './asserted-route.ts';
import { isPlausible } from './check-destinations.ts';
import { type Finding, isFault, type RouteEvidence, whatCame } from './route-evidence.ts';

/** Whether the answer is a redirect to where it should lead. */
export function checkRedirect(redirect: Redirect, request: AssertedRequest, evidence: RouteEvidence): Finding {
  const { uri, authority, scheme, port, status } = redirect;
  const parts = [scheme === undefined ? '' : `${scheme}://`, authority ?? '', port === undefined ? '' : `:${port}`];
  const expected = `redirect with ${status} to ${parts.join('')}${uri ?? (parts.join('') === '' ? 'itself' : '')}`;
  if (uri?.includes('%') === true)
    return { expected, seen: 'Envoy fills in what stands between "%"', holds: undefined };
  const [call] = evidence.calls;
  const location = call?.headers?.location ?? '';
  const seen = whatCame(evidence);
  if (call?.status !== status || !URL.canParse(location)) return { expected, seen, holds: false };
  const to = new URL(location);
  const sent = new URL(`http://${request.authority}${request.uri}`);
  const path = uri ?? sent.pathname + sent.search;
  const holds =
    [to.pathname, to.pathname + to.search].includes(path) &&
    to.hostname === (authority ?? sent.hostname).replace(/:\d+$/, '').toLowerCase() &&
    (scheme === undefined || to.protocol === `${scheme}:`) &&
    (port === undefined || portOf(to) === port);
  return { expected, seen, holds };
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

/** Whether the proxy delays and aborts as many requests as it should. */
export function checkFault({ delay, abort }: Fault, { calls }: RouteEvidence): Finding[] {
  const findings: Finding[] = [];
  if (delay !== undefined) {
    const { delayMs, percent } = delay;
    const times = calls.map(({ durationMs = 0 }) => durationMs);
    // Timers may be a little early.
    const leastMs = delayMs * 0.97;
    const delayed = times.filter((time) => time >= leastMs && time < delayMs + slackMs(delayMs)).length;
    // Nothing else may take so long: what is delayed by another time is delayed by another fault.
    const strange = times.filter((time) => time >= slackMs(delayMs) && time < leastMs).length;
    const longer = times.filter((time) => time >= delayMs + slackMs(delayMs)).length;
    findings.push({
      expected: `${percentTitle(percent)} delayed by ${delayMs} ms`,
      seen: `${delayed} of ${calls.length} delayed so, ${Math.round(Math.min(...times))} to ${Math.round(Math.max(...times))} ms in all`,
      holds: strange + longer === 0 && isPlausible(delayed, calls.length, percent / 100),
    });
  }
  if (abort !== undefined) findings.push(checkAbort(abort, calls));
  return findings;
}

function checkAbort({ status, percent }: NonNullable<Fault['abort']>, calls: RouteEvidence['calls']): Finding {
  const expected = `${percentTitle(percent)} aborted with ${status.status}`;
  if (status.kind === 'grpc')
    return { expected, seen: 'what is sent is HTTP, and that status is of gRPC', holds: undefined };
  const faults = calls.filter(isFault);
  const asExpected = faults.filter((call) => call.status === status.status).length;
  const seen = [...new Set(faults.map((call) => call.status))].join(', ');
  return {
    expected,
    seen: `${faults.length} of ${calls.length} aborted${seen === '' ? '' : ` with ${seen}`}`,
    holds: asExpected === faults.length && isPlausible(asExpected, calls.length, percent / 100),
  };
}

function percentTitle(percent: number): string {
  return percent === 100 ? 'all' : `${percent} %`;
}

/** What a machine that has much to do may add. */
function slackMs(delayMs: number): number {
  return Math.max(1000, delayMs * 0.2);
}
