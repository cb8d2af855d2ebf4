import type { Comparison, Difference } from '../../../../src/diff/model.ts';
import { isAtPlace, type PlacedMutation } from './field-mutation.ts';

/** Result of a mutation: `listed` if the report says that it does not compare the field. */
export type Verdict = 'reported' | 'other kind' | 'listed' | 'missed';

export interface JudgedMutation {
  readonly placed: PlacedMutation;
  readonly verdict: Verdict;
  readonly found: readonly Difference[];
}

export interface JudgedBatch {
  readonly mutations: readonly JudgedMutation[];
  /** Differences that no mutation has caused. */
  readonly unexplained: readonly Difference[];
}

/** Compares the differences of a batch with its mutations. */
export function judge(mutations: readonly PlacedMutation[], { differences, notCompared }: Comparison): JudgedBatch {
  const judged = mutations.map((placed): JudgedMutation => {
    const { shows, notCompared: reason } = placed.mutation;
    const found = differences.filter((difference) => isAtPlace(placed, difference));
    const isListed = notCompared.some((one) => reason?.test(`${one.subject}: ${one.reason}`));
    const verdict = found.some(({ kind }) => shows.includes(kind))
      ? 'reported'
      : isListed
        ? 'listed'
        : found.length > 0
          ? 'other kind'
          : 'missed';
    return { placed, verdict, found };
  });
  const unexplained = differences.filter((difference) => !mutations.some((placed) => isAtPlace(placed, difference)));
  return { mutations: judged, unexplained };
}

/** Returns a difference on one line. */
export function differenceText({ kind, probe, from, to, cause }: Difference): string {
  const { caller, destination, request } = probe;
  const sender = caller.kind === 'workload' ? caller.name : caller.kind;
  const object = cause === undefined ? '' : `  ${cause.kind} ${cause.name} ${cause.place ?? ''}`;
  return `${kind}: ${sender} → ${destination.host} ${request.protocol} ${request.method} ${request.path}: ${from} → ${to}${object}`;
}
