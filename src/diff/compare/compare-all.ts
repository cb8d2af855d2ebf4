import type { Difference } from '../difference.ts';
import type { EdgeNote } from '../edge-notes.ts';
import type { Observation, ObservedAnswer } from '../observation.ts';
import type { Probe } from '../probe.ts';
import { type SecretMarks, shownPath } from '../secret-values.ts';
import type { CompareSettings } from './bare-difference.ts';
import { differencesOf } from './compare.ts';

/** Observations of both sides by the id of their probe. */
export type Observations = ReadonlyMap<string, { readonly before: Observation; readonly after: Observation }>;

/** Returns the differences of all probes, without timeouts, retries and limits of requests that one side does
 * not send to the callee. */
export function allDifferences(
  probes: readonly Probe[],
  observations: Observations,
  settings: CompareSettings,
): Difference[] {
  const unreached = new Set(
    probes.filter((probe) => isUsual(probe) && isUnreachedOnce(observations.get(probe.id))).map(requestKey),
  );
  return probes.flatMap((probe) => {
    const seen = observations.get(probe.id);
    // Without the callee's answer, its slowness and failures mean nothing.
    if (seen === undefined || isUnsent(seen) || (!isUsual(probe) && unreached.has(requestKey(probe)))) return [];
    return differencesOf(probe, seen.before, seen.after, settings);
  });
}

/** Reports whether no request of a probe was made on one side. */
function isUnsent({ before, after }: { readonly before: Observation; readonly after: Observation }): boolean {
  return before.outcomes.length === 0 || after.outcomes.length === 0;
}

/** Reports whether a probe asks for the usual answer, and not for that of a callee with another behaviour. */
function isUsual({ mode }: Probe): boolean {
  return mode.kind === 'plain' || mode.kind === 'shares';
}

/** Returns a key of the request of a probe, which is equal for all its modes. */
function requestKey({ caller, destination, request }: Probe): string {
  return JSON.stringify([caller, destination.host, destination.port, request]);
}

function isUnreachedOnce(seen: { readonly before: Observation; readonly after: Observation } | undefined): boolean {
  return (
    seen !== undefined &&
    [seen.before, seen.after].some(
      ({ outcomes }) => outcomes.length > 0 && outcomes.every(({ answer }) => isBeforeCallee(answer)),
    )
  );
}

/** Reports whether a request ended before its callee, for a reason that is not a timeout or a limit itself. */
function isBeforeCallee(answer: ObservedAnswer): boolean {
  switch (answer.kind) {
    case 'service':
    case 'foreign':
      return false;
    case 'refused':
      return !resilienceReasons.has(answer.reason);
    case 'none':
      return answer.code !== 'timeout';
    case 'redirect':
    case 'direct':
      return true;
  }
}

/** Refusals by which timeouts, retries, limits and ejections show. */
const resilienceReasons: ReadonlySet<string> = new Set(['timeout', 'overflow', 'no_healthy_upstream', 'rate_limited']);

/** Returns the requests that had no answer on either side, and so show nothing of a change. */
export function unanswered(probes: readonly Probe[], observations: Observations, secrets: SecretMarks): EdgeNote[] {
  return probes.flatMap((probe) => {
    const seen = observations.get(probe.id);
    const { speaksFor: callers, destination } = probe;
    if (seen !== undefined && isUnsent(seen))
      return [
        {
          callers,
          destination,
          subject: requestText(probe, secrets),
          reason: 'the mock of the caller answers without a call',
        },
      ];
    if (seen === undefined || probe.mode.kind === 'slow') return [];
    const [before, after] = [seen.before, seen.after].map(codeWithoutAnswer);
    if (before === undefined || after === undefined || before !== after) return [];
    return [
      { callers, destination, subject: requestText(probe, secrets), reason: `no answer on either side (${before})` },
    ];
  });
}

/** Returns why no request had an answer; undefined for a reset, with which proxies refuse connections. */
function codeWithoutAnswer({ outcomes }: Observation): string | undefined {
  const codes = outcomes.map(({ answer }) => (answer.kind === 'none' && answer.code !== 'reset' ? answer.code : ''));
  return codes.length === 0 || codes.includes('') ? undefined : codes[0];
}

function requestText({ request: { protocol, method, path } }: Probe, secrets: SecretMarks): string {
  return `${protocol === 'http' ? method : protocol} ${shownPath(path, secrets)}`;
}
