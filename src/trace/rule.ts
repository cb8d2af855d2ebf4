import type { FindingKind } from './finding.ts';
import type { Span } from './span.ts';
import type { SpanTree } from './span-tree.ts';

/** What is known of a trace besides its spans. */
export interface SpanContext {
  readonly tree: SpanTree;
  /** Where in the reply spans stand, by their ids. */
  readonly places: ReadonlyMap<string, readonly string[]>;
  /** Ids that are named and were not sent: that is said of themselves. */
  readonly missing: ReadonlySet<string>;
  /** CLIENT spans of calls whose reply is shown: that it has a span is checked there. */
  readonly replied: ReadonlySet<string>;
  /** Whether some service makes no spans, so that what it calls is below what calls it. */
  readonly hasServiceWithoutSpans: boolean;
  /** The first span of all, by its id; undefined when that cannot be known. */
  readonly top: string | undefined;
  /** The span that the request itself named as its parent. */
  readonly sentParent: string | undefined;
}

/** What a rule finds. */
export type RuleViolation = readonly [kind: FindingKind, message: string];

export type Rule = (span: Span, around: SpanContext) => RuleViolation | undefined;
