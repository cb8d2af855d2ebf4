import type { TextCondition } from './text-condition.ts';
import { type TextFact, textFacts } from './text-facts.ts';

/** Expectation about the calls of a cascade. docs/expectations.md has the grammar. */
export interface Expectation {
  /** Text of the expectation, as it was written. */
  readonly text: string;
  readonly isNegated: boolean;
  readonly edge: Edge;
  readonly claim: Claim;
}

/** Calls that an expectation is about. */
export type Edge =
  /** The request itself. */
  | { readonly kind: 'root' }
  /** Every call to a service, from one caller or from all (`from` is undefined). */
  | { readonly kind: 'calls'; readonly from: string | undefined; readonly to: string };

/** Statement about the calls. */
export type Claim =
  /** Each call has the fact. */
  | { readonly kind: 'each'; readonly fact: Fact; readonly comparison: Comparison; readonly value: string }
  /** A number or a share of the calls has the fact. */
  | { readonly kind: 'share'; readonly fact: Fact; readonly value: string; readonly amount: Amount }
  /** Each call, or a number or a share of the calls, has a text that satisfies a condition. */
  | {
      readonly kind: 'text';
      readonly fact: TextFact;
      readonly condition: TextCondition;
      /** Number or share of the calls; undefined for each call. */
      readonly amount: Amount | undefined;
    }
  /** A statistic of the calls' durations, or of the times to the first part of an answer. */
  | { readonly kind: Time; readonly statistic: Statistic; readonly amount: Amount }
  /** The number of calls. */
  | { readonly kind: 'calls'; readonly amount: Amount };

/** Number to compare with. */
export interface Amount {
  readonly comparison: Comparison;
  /** `percent` of all calls, milliseconds, or a number of calls. */
  readonly unit: 'percent' | 'ms' | 'calls';
  readonly value: number;
  /** Tolerance in the same unit. That of a percentage is in percentage points. */
  readonly tolerance: number;
}

export const facts = [
  'status',
  'version',
  'pod',
  'attempt',
  'answered-by',
  'refusal',
  'mtls',
  'peer',
  'sampled',
  'chunks',
  'events',
] as const;
export type Fact = (typeof facts)[number];

export const times = ['latency', 'first-byte'] as const;
export type Time = (typeof times)[number];

/** First words of claims. */
export const claimWords: readonly string[] = [...facts, ...textFacts, ...times, 'calls'];

export const statistics = ['min', 'mean', 'p50', 'p90', 'p95', 'p99', 'max'] as const;
export type Statistic = (typeof statistics)[number];

export const comparisons = ['=', '!=', '<', '<=', '>', '>='] as const;
export type Comparison = (typeof comparisons)[number];
