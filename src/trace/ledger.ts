import type { Finding, FindingKind } from './finding.ts';
import { isMeshmockSpan, kindName, type Span, spanText } from './span.ts';
import { outcomeText, type SpanOutcome, spanOutcome } from './span-outcome.ts';
import type { SpanTree } from './span-tree.ts';

/** Record of the spans that the reply accounts for, and of the findings. */
export class Ledger {
  readonly tree: SpanTree;
  readonly findings: Finding[] = [];
  /** Place in the reply of each span that the reply names: the services from the first one on. */
  readonly places = new Map<string, readonly string[]>();
  /** Ids of spans that the reply names and the trace lacks. */
  readonly missing = new Set<string>();
  /** Ids of spans that may exist although the reply does not name them. */
  private readonly allowed = new Set<string>();

  constructor(tree: SpanTree) {
    this.tree = tree;
  }

  report(kind: FindingKind, where: readonly string[], message: string, more: Partial<Finding> = {}): void {
    this.findings.push({ kind, where, message, ...more });
  }

  /** Records that the reply names a span, and returns the span if the trace has it. */
  claim(spanId: string, kind: 'client' | 'server', where: readonly string[]): Span | undefined {
    this.places.set(spanId, where);
    const span = this.tree.get(spanId);
    if (span === undefined) {
      this.missing.add(spanId);
      const owner = kind === 'client' ? where.at(-2) : where.at(-1);
      this.report('missing', where, `the ${kind.toUpperCase()} span of ${owner} is missing`, { spanId });
    } else if (span.kind !== kind) {
      this.report('unexpected', where, `${spanText(span)} should be a ${kind.toUpperCase()} span`, { spanId });
    }
    return span;
  }

  checkOutcome(span: Span, expected: SpanOutcome, where: readonly string[]): void {
    const actual = spanOutcome(span);
    if (actual.outcome === expected.outcome && actual.isError === expected.isError) return;
    const [expectedText, seenText] = [outcomeText(expected), outcomeText(actual)];
    const message = `${spanText(span)} says ${seenText}; the answer was ${expectedText}`;
    this.report('wrong_status', where, message, { spanId: span.spanId, expected: expectedText, seen: seenText });
  }

  reportParent(span: Span, where: readonly string[], expected: string): void {
    const seen = this.describe(span.parentSpanId);
    const message = `${spanText(span)} is below ${seen}, not ${expected}`;
    this.report('wrong_parent', where, message, { spanId: span.spanId, expected, seen });
  }

  /** Describes a span by its id. */
  describe(spanId: string | undefined): string {
    if (spanId === undefined) return 'no span';
    const span = this.tree.get(spanId);
    return span === undefined ? `span ${spanId}, which is missing` : spanText(span);
  }

  /** Allows all spans below a span. */
  allowBelow(spanId: string): void {
    for (const span of this.tree.below(spanId)) this.allowed.add(span.spanId);
  }

  /** Allows the other requests of a call: other attempts of a proxy, and mirrored requests. */
  allowOthersBelow(client: string): void {
    for (const { spanId } of this.tree.meshmockSpansBelow(client)) {
      if (this.places.has(spanId)) continue;
      this.allowed.add(spanId);
      this.allowBelow(spanId);
    }
  }

  /** Adds the findings about spans without a finding so far. Two findings about one span usually have one cause. */
  add(findings: readonly Finding[]): void {
    const found = new Set(this.findings.map(({ spanId }) => spanId));
    this.findings.push(...findings.filter(({ spanId }) => spanId === undefined || !found.has(spanId)));
  }

  /** Returns findings about spans that are like a sibling that the reply names. */
  duplicates(): Finding[] {
    return this.unaccounted()
      .filter((span) => this.tree.childrenOf(span.parentSpanId ?? '').some((other) => this.isLike(span, other)))
      .map((span) => this.findingOf('doubled', span, `${spanText(span)} is a duplicate`));
  }

  /** Returns findings about the other meshmocks' spans that the reply does not account for. */
  unexpected(): Finding[] {
    return this.unaccounted().map((span) =>
      this.findingOf('unexpected', span, `${spanText(span)} does not belong to a call of the answer`),
    );
  }

  private unaccounted(): Span[] {
    return this.tree.spans.filter(
      (span) => isMeshmockSpan(span) && !this.places.has(span.spanId) && !this.allowed.has(span.spanId),
    );
  }

  private findingOf(kind: FindingKind, span: Span, message: string): Finding {
    const known = this.tree.above(span).find(({ spanId }) => this.places.has(spanId));
    const above = this.places.get(known?.spanId ?? '') ?? [];
    const where = above.at(-1) === span.service ? above : [...above, span.service];
    return { kind, where, message, spanId: span.spanId };
  }

  private isLike(span: Span, other: Span): boolean {
    const target = 'meshmock.target';
    return (
      this.places.has(other.spanId) &&
      kindName(other) === kindName(span) &&
      other.attributes[target] === span.attributes[target]
    );
  }
}
