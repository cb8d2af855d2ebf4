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
   * Returns the object and the place that caused a difference; undefined if it is not known.
   *
   * @param isAnswered true if the requests of both sides had answers, at least of a proxy
   */
  readonly causeOf: (kind: DifferenceKind, probe: Probe, isAnswered: boolean) => Cause | undefined;
}

/** A difference without its probe and its cause. */
export interface BareDifference {
  readonly kind: DifferenceKind;
  readonly from: string;
  readonly to: string;
}
