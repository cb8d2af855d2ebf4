import type { FindingKind } from './finding.ts';
import type { Span } from './span.ts';
import type { SpanTree } from './span-tree.ts';

/** Facts about a trace that its rules need. */
export interface SpanContext {
  readonly tree: SpanTree;
  /** Place in the reply of each span that the reply names: the services from the first one on. */
  readonly places: ReadonlyMap<string, readonly string[]>;
  /** Ids of spans that the reply names and the trace lacks. They have their own findings. */
  readonly missing: ReadonlySet<string>;
  /** Ids of the CLIENT spans whose calls have a reply. The SERVER spans below them are checked with the reply. */
  readonly replied: ReadonlySet<string>;
  /** True if a service exports no spans. The spans of its callees are then below the span of its caller. */
  readonly hasServiceWithoutSpans: boolean;
  /** Id of the first span of the trace, or undefined if it is unknown. */
  readonly top: string | undefined;
  /** Id of the span that the request names as its parent. */
  readonly sentParent: string | undefined;
}

/** Violation of a rule by a span. */
export type RuleViolation = readonly [kind: FindingKind, message: string];

/** Rule that every span of a trace must satisfy. */
export type Rule = (span: Span, context: SpanContext) => RuleViolation | undefined;
