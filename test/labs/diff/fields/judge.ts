import type { Comparison } from '../../../../src/diff/comparison.ts';
import type { Difference } from '../../../../src/diff/difference.ts';
import { isAtPlace, type PlacedMutation } from './field-mutation.ts';
import { isCause, mutatedObjects } from './mutated-object.ts';

/** Results of mutations. */
export const verdicts = [
  'reported',
  /** The report names it as one of several possible causes. */
  'one of',
  /** The report says that it does not compare the field. */
  'listed',
  /** The mutation caused lines, but of other kinds. */
  'other kind',
  /** There is a line of the right edge and kind, but it does not name the mutated object and field. */
  'other cause',
  'missed',
] as const;

export type Verdict = (typeof verdicts)[number];

/** Reports whether a verdict fails the run. */
export function isWrong(verdict: Verdict): boolean {
  return verdict !== 'reported' && verdict !== 'one of' && verdict !== 'listed';
}

export interface JudgedMutation {
  readonly placed: PlacedMutation;
  readonly verdict: Verdict;
  /** Differences at the place of the mutation of which it is the cause. */
  readonly found: readonly Difference[];
}

export interface JudgedBatch {
  readonly mutations: readonly JudgedMutation[];
  /** Differences that name no mutation of their place as the cause. */
  readonly unexplained: readonly Difference[];
}

/**
 * Compares the differences of a batch with its mutations. A mutation is reported only by a difference of the right edge and
 * kind that names the mutated object and field as its cause: another mutation of the batch may cause one at the same edge.
 */
export function judge(mutations: readonly PlacedMutation[], { differences, notCompared }: Comparison): JudgedBatch {
  const withFound = mutations.map((placed) => ({ placed, found: differencesOf(placed, differences) }));
  const explained = new Set(withFound.flatMap(({ found }) => found));
  const unexplained = differences.filter((difference) => !explained.has(difference));
  const judged = withFound.map(({ placed, found }): JudgedMutation => {
    const { shows, notCompared: reason } = placed.mutation;
    const isListed = notCompared.some((one) => reason?.test(`${one.subject}: ${one.reason}`));
    const isShown = ({ kind }: Difference): boolean => shows.includes(kind);
    const isOther = unexplained.some((difference) => isShown(difference) && isAtPlace(placed, difference));
    return { placed, verdict: verdictOf(found, found.filter(isShown), { isListed, isOther }), found };
  });
  return { mutations: judged, unexplained };
}

/**
 * @param found differences of which the mutation may be the cause
 * @param shown those of the right kind
 */
function verdictOf(
  found: readonly Difference[],
  shown: readonly Difference[],
  { isListed, isOther }: { readonly isListed: boolean; readonly isOther: boolean },
): Verdict {
  if (shown.some(({ causes }) => causes.length === 1)) return 'reported';
  if (shown.length > 0) return 'one of';
  if (isListed) return 'listed';
  if (found.length > 0) return 'other kind';
  return isOther ? 'other cause' : 'missed';
}

/** Returns the differences at the place of a mutation that name it as their cause. */
function differencesOf(placed: PlacedMutation, differences: readonly Difference[]): Difference[] {
  const objects = mutatedObjects(placed);
  return differences.filter(
    (difference) =>
      difference.causes.some((cause) => objects.some((one) => isCause(one, cause))) && isAtPlace(placed, difference),
  );
}

/** Returns a difference on one line. */
export function differenceText({ kind, probe, from, to, causes }: Difference): string {
  const { caller, destination, request } = probe;
  const sender = caller.kind === 'workload' ? caller.name : caller.kind;
  const names = causes.map((cause) => `${cause.kind} ${cause.name} ${cause.place ?? ''}`);
  const object = names.length === 0 ? '  (no cause)' : `  ${names.join(' or ')}`;
  return `${kind}: ${sender} → ${destination.host} ${request.protocol} ${request.method} ${request.path}: ${from} → ${to}${object}`;
}
