import { isFailed, isFault } from '../answer-kinds.ts';
import { outcomeTexts } from '../answer-text.ts';
import type { Difference, DifferenceKind } from '../difference.ts';
import type { Observation, ObservedAnswer, Outcome } from '../observation.ts';
import type { ChancePart, Probe, ProbeMode } from '../probe.ts';
import { shownOutcome, shownText } from '../secret-texts.ts';
import type { SecretMarks } from '../secret-values.ts';
import type { BareDifference, CompareSettings } from './bare-difference.ts';
import { answerHeaderDifferences, compareContents } from './compare-contents.ts';
import { attemptsDifference, ejectionDifference, limitDifference, timeoutDifference } from './compare-resilience.ts';
import { mirrorDifferences, shareDifferences } from './compare-shares.ts';
import { delayDifferences } from './delays.ts';
import { severityOf, severityOrder } from './severity.ts';

/**
 * Returns the differences between two observations of one probe, the worst first.
 *
 * @example
 * differencesOf(probe, before, after, settings)[0]?.to; // '403 rbac_denied'
 */
export function differencesOf(
  probe: Probe,
  before: Observation,
  after: Observation,
  settings: CompareSettings,
): Difference[] {
  const isAnswered = [before, after].every(({ outcomes }) => outcomes.some(({ answer }) => answer.kind !== 'none'));
  const { secrets } = settings;
  return bareDifferences(probe, shownObservation(before, secrets), shownObservation(after, secrets), settings)
    .map((difference) => ({
      ...withoutSecrets(difference, secrets),
      severity: severityOf(difference.kind),
      probe,
      causes: settings.causesOf(difference.kind, probe, isAnswered),
    }))
    .toSorted((a, b) => severityOrder[a.severity] - severityOrder[b.severity]);
}

/** Returns an observation without secrets of answers. Different ones stay different, also where their texts are cut. */
function shownObservation(observation: Observation, secrets: SecretMarks): Observation {
  return { ...observation, outcomes: observation.outcomes.map((outcome) => shownOutcome(outcome, secrets)) };
}

function withoutSecrets({ kind, from, to }: BareDifference, secrets: SecretMarks): BareDifference {
  return { kind, from: shownText(from, secrets), to: shownText(to, secrets) };
}

function bareDifferences(
  probe: Probe,
  before: Observation,
  after: Observation,
  settings: CompareSettings,
): BareDifference[] {
  const { mode } = probe;
  switch (mode.kind) {
    case 'plain':
      return plainDifferences(mode, before, after, settings);
    case 'shares':
      return [...shareDifferences(probe, before, after, settings), ...mirrorDifferences(before, after, settings)];
    case 'slow':
      return timeoutDifference(before, after, mode);
    case 'delayed':
      return delayDifferences(before, after, mode, settings);
    case 'failing':
      return attemptsDifference(before, after, mode.failure);
    case 'burst':
      return limitDifference(before, after);
    case 'answer_headers':
      return answerHeaderDifferences(before, after, mode.chanceHeaders);
    case 'ejection':
      return ejectionDifference(before, after);
  }
}

/** Compares two answers, without what chance decides about them. */
function plainDifferences(
  { byChance, chanceHeaders }: Extract<ProbeMode, { kind: 'plain' }>,
  before: Observation,
  after: Observation,
  settings: CompareSettings,
): BareDifference[] {
  const [old] = before.outcomes;
  const [changed] = after.outcomes;
  if (old === undefined || changed === undefined) return [];
  const kind = answerChange(old, changed);
  const mirrors = byChance === 'nothing' ? mirrorDifferences(before, after, settings) : [];
  if (kind === undefined) return [...compareContents(old, changed, chanceHeaders), ...mirrors];
  if (isByChance(kind, byChance)) return [];
  const [from, to] = outcomeTexts(old, changed);
  return [{ kind, from, to }, ...mirrors];
}

/** Reports whether chance may have made a difference. */
function isByChance(kind: DifferenceKind, byChance: ChancePart): boolean {
  switch (byChance) {
    case 'nothing':
      return false;
    case 'destination':
      return kind === 'destination' || kind === 'version';
    case 'answer':
      return true;
  }
}

/** Returns the kind of the difference between two answers; undefined if they are alike. */
function answerChange(old: Outcome, changed: Outcome): DifferenceKind | undefined {
  const [before, after] = [old.answer, changed.answer];
  if (isFault(before) || isFault(after)) return isSameText(old, changed) ? undefined : 'fault';
  if (isFailed(old) !== isFailed(changed)) return isFailed(changed) ? 'refused' : 'allowed';
  if (isFailed(old)) return isSameText(old, changed) ? undefined : 'refusal';
  return before.kind === after.kind ? sameKindChange(old, changed) : otherKind(before, after);
}

function isSameText(old: Outcome, changed: Outcome): boolean {
  const [from, to] = outcomeTexts(old, changed);
  return from === to;
}

function otherKind(before: ObservedAnswer, after: ObservedAnswer): DifferenceKind {
  if (before.kind === 'redirect' || after.kind === 'redirect') return 'redirect';
  return before.kind === 'direct' || after.kind === 'direct' ? 'direct_answer' : 'destination';
}

function sameKindChange(old: Outcome, changed: Outcome): DifferenceKind | undefined {
  const [before, after] = [old.answer, changed.answer];
  if (isSameText(old, changed) && namespaceOf(before) === namespaceOf(after)) return undefined;
  if (before.kind === 'redirect') return 'redirect';
  if (before.kind === 'direct') return 'direct_answer';
  if (before.kind !== 'service' || after.kind !== 'service') return 'status';
  if (before.service !== after.service || namespaceOf(before) !== namespaceOf(after)) return 'destination';
  return before.version === after.version ? 'status' : 'version';
}

function namespaceOf(answer: ObservedAnswer): string | undefined {
  return answer.kind === 'service' ? answer.namespace : undefined;
}
