import type { DifferenceKind } from '../model.ts';

/** Settings of all comparisons of a run. */
export interface CompareSettings {
  /** Probability that one comparison of shares reports a difference that is not there. */
  readonly falseAlarmRate: number;
}

/** A difference without its probe and its cause. */
export interface BareDifference {
  readonly kind: DifferenceKind;
  readonly from: string;
  readonly to: string;
}
