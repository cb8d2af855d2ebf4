import type { DifferenceKind } from '../../../src/diff/difference.ts';

/** Report that a change of a lab must have. */
export interface Expected {
  /** Hosts that differ, which may be short. A line about another one is wrong. */
  readonly to: readonly string[];
  /** Kinds of differences, one of which the report must have. */
  readonly kinds: readonly DifferenceKind[];
  /** Services whose calls differ, without their versions; all if not given. */
  readonly from?: readonly string[];
  /** Text that the report must list as not compared, if requests cannot show the change. */
  readonly listed?: RegExp;
}

/** Expectations of a lab: of a mutation by its name, else by its file, else those of the change of the lab. */
export interface LabExpectations {
  readonly change: Expected;
  readonly files?: Readonly<Record<string, Expected>>;
  readonly mutations?: Readonly<Record<string, Expected>>;
}
