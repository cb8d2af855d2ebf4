import type { Observation } from '../observation.ts';
import type { BareDifference, CompareSettings } from './bare-difference.ts';
import { fractionOf } from './chances.ts';
import { durationText, earlyMs, leastGapMs, milliseconds, mostDelayMs } from './durations.ts';
import { type FaultFilter, faultsOf, isSame, type NeededModes, none, type RequestPieces } from './pieces.ts';
import { differs, sharesSample, shareText } from './shares.ts';

/** Requests that wait at the same time, if chance decides which ones are delayed. */
export const delayedConcurrency = 20;
/** Requests of a delay that chance does not decide about: the fastest one shows it on a busy machine too. */
const certainRequests = 3;
/** Time that all requests of a mode may take together, in milliseconds. */
const mostTimeMs = 40_000;

/** Returns the mode that shows the delays that a route injects, if they differ. */
export function delayedMode({ route: before }: RequestPieces, { route: after }: RequestPieces): NeededModes {
  const [old, changed] = [faultsOf(before).delay, faultsOf(after).delay];
  if (isSame(old, changed)) return none;
  const delaysMs = [...new Set([old, changed].flatMap((one) => delayOf(one) ?? []))].toSorted((a, b) => a - b);
  const longest = Math.max(0, ...delaysMs);
  if (longest > mostDelayMs) return unseen(`they are longer than ${mostDelayMs / 1000} s`);
  const [oldShares, newShares] = [old, changed].map((one) =>
    delaysMs.map((delayMs) => (delayOf(one) === delayMs ? fractionOf(one?.percentage) : 0)),
  );
  if (oldShares === undefined || newShares === undefined || isSame(oldShares, newShares)) return none;
  const gaps = delaysMs.map((delayMs, index) => delayMs - (delaysMs[index - 1] ?? 0));
  if (gaps.some((gapMs) => gapMs > 0 && gapMs < leastGapMs)) return unseen(`they differ by less than ${leastGapMs} ms`);
  const isCertain = [...oldShares, ...newShares].every((share) => share === 0 || share === 1);
  if (isCertain) return { modes: [{ kind: 'delayed', count: certainRequests, delaysMs, isCertain }], notCompared: [] };
  const { count, isEnough } = sharesSample(oldShares, newShares);
  const timeMs = (count / delayedConcurrency) * longest;
  if (!isEnough || timeMs > mostTimeMs) return unseen('too many requests would have to wait for them');
  return { modes: [{ kind: 'delayed', count, delaysMs, isCertain }], notCompared: [] };
}

function delayOf(delay: FaultFilter['delay']): number | undefined {
  return milliseconds(delay?.fixed_delay);
}

function unseen(reason: string): NeededModes {
  return { modes: [], notCompared: [{ subject: 'delays of faults', reason }] };
}

/**
 * Compares the delays of requests. Only those of the configuration are compared.
 *
 * @param isCertain true if all requests are delayed or none, on each side
 */
export function delayDifferences(
  before: Observation,
  after: Observation,
  { delaysMs, isCertain }: { readonly delaysMs: readonly number[]; readonly isCertain: boolean },
  { falseAlarmRate }: CompareSettings,
): BareDifference[] {
  const [old, changed] = [countsOf(before, delaysMs, isCertain), countsOf(after, delaysMs, isCertain)];
  const names = [...new Set([...old.keys(), ...changed.keys()])];
  const [all, allAfter] = [total(old), total(changed)];
  if (all === 0 || allAfter === 0) return [];
  const isDifferent = names.some((name) => {
    const [one, other] = [old.get(name) ?? 0, changed.get(name) ?? 0];
    if (isCertain) return one !== other;
    return differs({ count: one, all }, { count: other, all: allAfter }, falseAlarmRate / names.length);
  });
  if (!isDifferent) return [];
  return [{ kind: 'fault', from: `delayed: ${delaysText(old)}`, to: delaysText(changed) }];
}

/** Returns the number of requests with each delay; with 0 those without one. */
function countsOf(
  { durationsMs }: Observation,
  delaysMs: readonly number[],
  isCertain: boolean,
): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  const seen = isCertain && durationsMs.length > 0 ? [Math.min(...durationsMs)] : durationsMs;
  for (const durationMs of seen) {
    const delay = Math.max(0, ...delaysMs.filter((delayMs) => delayMs <= durationMs + earlyMs));
    counts.set(delay, (counts.get(delay) ?? 0) + 1);
  }
  return counts;
}

function total(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

function delaysText(counts: ReadonlyMap<number, number>): string {
  const delayed = [...counts].filter(([delayMs]) => delayMs > 0).toSorted(([a], [b]) => a - b);
  const all = total(counts);
  if (delayed.length === 0) return 'never';
  return delayed
    .map(([delayMs, count]) => `${count === all ? '' : `${shareText(count, all, [])} `}by ${durationText(delayMs)}`)
    .join(', ');
}
