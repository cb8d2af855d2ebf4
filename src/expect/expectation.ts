/** What is expected of a call's outcome; the grammar is in the README. */
export interface Expectation {
  /** As it was written. */
  readonly text: string;
  readonly isNegated: boolean;
  readonly edge: Edge;
  readonly claim: Claim;
}

/** Whose calls are meant. */
export type Edge =
  /** The answer to the request itself. */
  | { readonly kind: 'root' }
  /** Every call to a service, of one caller or of all. */
  | { readonly kind: 'calls'; readonly from: string | undefined; readonly to: string };

export type Claim =
  /** Each of the calls is so. */
  | { readonly kind: 'each'; readonly fact: Fact; readonly comparison: Comparison; readonly value: string }
  /** So many of the calls are so. */
  | { readonly kind: 'share'; readonly fact: Fact; readonly value: string; readonly amount: Amount }
  | { readonly kind: 'latency'; readonly statistic: Statistic; readonly amount: Amount }
  /** So many calls there were. */
  | { readonly kind: 'calls'; readonly amount: Amount };

/** What is compared with a number. */
export interface Amount {
  readonly comparison: Comparison;
  /** `percent` of all calls, `ms`, or a number of calls. */
  readonly unit: 'percent' | 'ms' | 'calls';
  readonly value: number;
  /** In the same unit; percentages differ by percentage points. */
  readonly tolerance: number;
}

export const facts = [
  ...(['status', 'version', 'pod', 'attempt', 'answered-by', 'refusal'] as const),
  ...(['mtls', 'peer', 'sampled'] as const),
] as const;
export type Fact = (typeof facts)[number];

export const statistics = ['min', 'mean', 'p50', 'p90', 'p95', 'p99', 'max'] as const;
export type Statistic = (typeof statistics)[number];

export const comparisons = ['=', '!=', '<', '<=', '>', '>='] as const;
export type Comparison = (typeof comparisons)[number];
