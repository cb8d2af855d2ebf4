import type { Cause } from '../cause.ts';
import type { DifferenceKind } from '../difference.ts';
import type { Probe } from '../probe.ts';
import type { SecretMarks } from '../secret-values.ts';

/** Settings of all comparisons of a run. */
export interface CompareSettings {
  /** Probability that one comparison of shares reports a difference that is not there. */
  readonly falseAlarmRate: number;
  readonly secrets: SecretMarks;
  /**
   * Returns the object and the place that caused a difference, or several of which one did; empty if it is not known.
   *
   * @param isAnswered true if the requests of both sides had answers, at least of a proxy
   */
  readonly causesOf: (kind: DifferenceKind, probe: Probe, isAnswered: boolean) => readonly Cause[];
}

/** A difference without its probe and its cause. */
export interface BareDifference {
  readonly kind: DifferenceKind;
  readonly from: string;
  readonly to: string;
}
