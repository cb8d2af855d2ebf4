import { isRefused } from '../answer-kinds.ts';
import { outcomeText } from '../answer-text.ts';
import type { Observation, Outcome } from '../observation.ts';
import type { CalleeFailure, ProbeMode } from '../probe.ts';
import type { BareDifference } from './bare-difference.ts';
import { durationText, earlyMs } from './durations.ts';

/** Compares after what time a slow callee is given up. Only timeouts of the configuration are compared. */
export function timeoutDifference(
  before: Observation,
  after: Observation,
  { timeoutsMs, longerMs }: Extract<ProbeMode, { kind: 'slow' }>,
): BareDifference[] {
  const from = timeoutText(before, timeoutsMs, longerMs.before);
  const to = timeoutText(after, timeoutsMs, longerMs.after);
  return from === to ? [] : [{ kind: 'timeout', from: `times out: ${from}`, to }];
}

/** @param longerMs timeout of the route that the callee's delay does not reach */
function timeoutText(observation: Observation, timeoutsMs: readonly number[], longerMs: number | undefined): string {
  const [outcome] = observation.outcomes;
  if (outcome === undefined || !hasTimedOut(observation))
    return longerMs === undefined ? 'never' : `after ${durationText(longerMs)} (configured)`;
  const { durationMs } = observation;
  // A proxy reports a timeout after its time, and never before it. Over gRPC the callee knows it, and ends a little earlier.
  const passed = timeoutsMs.filter((timeoutMs) => timeoutMs * earlyPart <= durationMs + earlyMs);
  return passed.length === 0 ? 'at once' : `after ${durationText(Math.max(...passed))}`;
}

/** Part of a timeout after which a callee over gRPC gives up. */
const earlyPart = 0.95;

function hasTimedOut({ outcomes }: Observation): boolean {
  return outcomes.some(
    ({ answer, status, grpcStatus }) =>
      (answer.kind === 'refused' && answer.reason === 'timeout') ||
      status === 504 ||
      grpcStatus === 'DEADLINE_EXCEEDED' ||
      (answer.kind === 'none' && answer.code === 'timeout'),
  );
}

/** Compares the attempts of a proxy at a callee that fails, and what the caller got at the end. */
export function attemptsDifference(before: Observation, after: Observation, failure: CalleeFailure): BareDifference[] {
  if (failure.kind === 'reset') return endedDifference(before, after);
  const { attempts: old } = before;
  const { attempts: changed } = after;
  if (old !== undefined && changed !== undefined && old !== changed)
    return [{ kind: 'retries', from: retriesText(old, 'no retries'), to: retriesText(changed, 'none') }];
  const [from, to] = [before, after].map(({ outcomes }) => outcomes.map(failureText).toSorted().join(', '));
  // Without attempts on both sides a plain request shows what is different.
  return from === to || from === undefined || to === undefined ? [] : [{ kind: 'status', from, to }];
}

/** Compares the answers of a callee that ends the first attempts: only retries get one. */
function endedDifference(before: Observation, after: Observation): BareDifference[] {
  const [from, to] = [before, after].map(({ outcomes }) => outcomes.map(failureText).toSorted().join(', '));
  if (from === to || from === undefined || to === undefined) return [];
  const text = ({ attempts }: Observation, outcome: string): string =>
    attempts === undefined ? outcome : `${outcome} after ${retriesText(attempts, 'no retry')}`;
  return [{ kind: 'retries', from: text(before, from), to: text(after, to) }];
}

/** Returns the outcome of a request without its pod: chance may choose another one for each attempt. */
function failureText(outcome: Outcome): string {
  const { answer, status, grpcStatus } = outcome;
  return answer.kind === 'service' ? String(grpcStatus ?? status ?? '') : outcomeText(outcome);
}

function retriesText(attempts: number, none: string): string {
  if (attempts === 0) return 'no attempt';
  return attempts === 1 ? none : attempts === 2 ? '1 retry' : `${attempts - 1} retries`;
}

/** Compares how many of the requests that arrive at once are refused by a limit. */
export function limitDifference(before: Observation, after: Observation): BareDifference[] {
  const [old, changed] = [overflowsOf(before), overflowsOf(after)];
  const isClose = Math.abs(old.refused - changed.refused) <= Math.max(2, 0.2 * Math.max(old.all, changed.all));
  if (isClose && (old.refused === 0) === (changed.refused === 0)) return [];
  return [{ kind: 'limit', from: overflowText(old), to: overflowText(changed) }];
}

interface RefusedRequests {
  readonly refused: number;
  readonly all: number;
}

function overflowsOf({ outcomes }: Observation): RefusedRequests {
  const count = (some: Observation['outcomes']): number => some.reduce((sum, one) => sum + one.count, 0);
  const refused = outcomes.filter(({ answer, status }) => isRefused(answer) && status !== 504);
  return { refused: count(refused), all: count(outcomes) };
}

function overflowText({ refused, all }: RefusedRequests): string {
  return refused === 0 ? `${all} at once: all answered` : `${refused} of ${all} at once refused`;
}

/** Compares whether a pod that fails gets no more requests. */
export function ejectionDifference(before: Observation, after: Observation): BareDifference[] {
  const [old, changed] = [ejectionText(before), ejectionText(after)];
  return old === changed ? [] : [{ kind: 'outlier_detection', from: `a pod that fails: ${old}`, to: changed }];
}

function ejectionText({ outcomes, pods }: Observation): string {
  const isAlone = outcomes.some(({ answer }) => answer.kind === 'refused' && answer.reason === 'no_healthy_upstream');
  const counts = Object.values(pods);
  // Pods get equal parts, unless one of them is ejected.
  const mean = counts.reduce((sum, count) => sum + count, 0) / Math.max(1, counts.length);
  return isAlone || Math.min(...counts) < mean / 2 ? 'ejected' : 'stays';
}
