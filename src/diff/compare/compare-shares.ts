import { isFailed, isFault, isReached, isRefused } from '../answer-kinds.ts';
import { destinationText } from '../answer-text.ts';
import type { DifferenceKind } from '../difference.ts';
import type { MirroredCopies, Observation, Outcome } from '../observation.ts';
import type { Probe } from '../probe.ts';
import type { BareDifference, CompareSettings } from './bare-difference.ts';
import { compareContents } from './compare-contents.ts';
import { differs, shareText } from './shares.ts';

/** Compares how often each answer occurred. */
export function shareDifferences(
  probe: Probe,
  before: Observation,
  after: Observation,
  { falseAlarmRate }: CompareSettings,
): BareDifference[] {
  const [old, changed] = [counted(before, probe), counted(after, probe)];
  const names = [...new Set([...old.counts.keys(), ...changed.counts.keys()])];
  const different = names.filter((name) =>
    differs(
      { count: old.counts.get(name) ?? 0, all: old.all },
      { count: changed.counts.get(name) ?? 0, all: changed.all },
      falseAlarmRate / Math.max(1, names.length),
    ),
  );
  if (different.length === 0) return sharedContents(probe, before, after);
  const configured = probe.mode.kind === 'shares' ? probe.mode.configured : [];
  const kind = shareKind(before, after, different, probe);
  // A few failures of a busy machine are not a part of the difference.
  const isStray = (name: string): boolean => !different.includes(name) && isFailure(name, before, after, probe);
  const shown = names.filter((name) => !isStray(name));
  return [{ kind, from: sharesText(old, shown, configured), to: sharesText(changed, shown, configured) }];
}

interface CountedAnswers {
  readonly counts: ReadonlyMap<string, number>;
  readonly all: number;
}

function counted({ outcomes }: Observation, probe: Probe): CountedAnswers {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) {
    const name = destinationText(outcome, probe);
    counts.set(name, (counts.get(name) ?? 0) + outcome.count);
  }
  return { counts, all: outcomes.reduce((sum, { count }) => sum + count, 0) };
}

/** Reports whether a name is that of an answer that says that the request was refused or failed. */
function isFailure(name: string, before: Observation, after: Observation, probe: Probe): boolean {
  const outcomes = [...before.outcomes, ...after.outcomes];
  return outcomes.some((outcome) => destinationText(outcome, probe) === name && isRefused(outcome.answer));
}

function sharesText({ counts, all }: CountedAnswers, shown: readonly string[], configured: readonly number[]): string {
  const byName = [...counts].filter(([name]) => shown.includes(name)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return byName.map(([name, count]) => `${name} ${shareText(count, all, configured)}`).join(', ');
}

/** Returns the kind of a difference between shares: the worst that the different answers show. */
function shareKind(
  before: Observation,
  after: Observation,
  different: readonly string[],
  probe: Probe,
): DifferenceKind {
  const isDifferent = (outcome: Outcome): boolean => different.includes(destinationText(outcome, probe));
  const [old, changed] = [before.outcomes.filter(isDifferent), after.outcomes.filter(isDifferent)];
  if ([...old, ...changed].some(({ answer }) => isFault(answer))) return 'fault';
  const failures = (outcomes: readonly Outcome[]): number =>
    outcomes.filter(isFailed).reduce((sum, { count }) => sum + count, 0);
  const [failedBefore, failedAfter] = [failures(old), failures(changed)];
  if (failedBefore !== failedAfter) return failedAfter > failedBefore ? 'refused' : 'allowed';
  if ([...old, ...changed].every(isFailed)) return 'refusal';
  const answers = [...old, ...changed].map(({ answer }) => answer.kind);
  if (answers.includes('redirect')) return 'redirect';
  if (answers.includes('direct')) return 'direct_answer';
  const names = (outcomes: readonly Outcome[]): Set<string> =>
    new Set(outcomes.filter(({ answer }) => isReached(answer)).map((outcome) => destinationText(outcome, probe)));
  const common = names(before.outcomes).intersection(names(after.outcomes));
  return common.size === 0 ? 'destination' : 'share';
}

/** Compares what the destinations that both sides have received. */
function sharedContents(probe: Probe, before: Observation, after: Observation): BareDifference[] {
  const byChance = probe.mode.kind === 'shares' ? probe.mode.chanceHeaders : undefined;
  const found = before.outcomes.flatMap((old) => {
    const name = destinationText(old, probe);
    const changed = after.outcomes.find((outcome) => destinationText(outcome, probe) === name);
    return changed === undefined ? [] : compareContents(old, changed, byChance);
  });
  return [...new Map(found.map((one) => [JSON.stringify(one), one])).values()];
}

/** Compares which services got copies of the requests, and how many. */
export function mirrorDifferences(
  before: Observation,
  after: Observation,
  { falseAlarmRate }: CompareSettings,
): BareDifference[] {
  const all = ({ outcomes }: Observation): number => outcomes.reduce((sum, { count }) => sum + count, 0);
  const [sentBefore, sentAfter] = [all(before), all(after)];
  const name = ({ service, version }: MirroredCopies): string => [service, version].filter(Boolean).join(' ');
  const countOf = ({ mirrors }: Observation, wanted: string): number =>
    mirrors.filter((one) => name(one) === wanted).reduce((sum, { count }) => sum + count, 0);
  const names = [...new Set([...before.mirrors, ...after.mirrors].map(name))].toSorted();
  return names.flatMap((one): BareDifference[] => {
    const old = { count: Math.min(countOf(before, one), sentBefore), all: sentBefore };
    const changed = { count: Math.min(countOf(after, one), sentAfter), all: sentAfter };
    // One request and its copy, or none: no chance is involved.
    const isDifferent =
      sentBefore === 1 && sentAfter === 1 ? old.count !== changed.count : differs(old, changed, falseAlarmRate);
    if (!isDifferent) return [];
    const text = ({ count, all: sent }: typeof old): string =>
      count === 0 ? 'none' : `${one} gets ${shareText(count, sent, [])}`;
    return [{ kind: 'mirror', from: `copies: ${text(old)}`, to: text(changed) }];
  });
}
