import type { Finding, FindingKind } from './finding.ts';
import { isMeshmockSpan, kindName, type Span, spanText } from './span.ts';
import { outcomeText, type SpanOutcome, spanOutcome } from './span-outcome.ts';
import type { SpanTree } from './span-tree.ts';

/** What is known of a trace's spans while the reply is walked, and what was found wrong. */
export class Ledger {
  readonly tree: SpanTree;
  readonly findings: Finding[] = [];
  /** Where the reply has the span of an id: the services from the first one on. */
  readonly places = new Map<string, readonly string[]>();
  /** Ids that the reply names and nobody has sent. */
  readonly missing = new Set<string>();
  /** Spans of which the reply shows no more than that there may be some. */
  private readonly hidden = new Set<string>();

  constructor(tree: SpanTree) {
    this.tree = tree;
  }

  report(kind: FindingKind, where: readonly string[], message: string, more: Partial<Finding> = {}): void {
    this.findings.push({ kind, where, message, ...more });
  }

  /** The span that the reply names, if it was sent. */
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

  checkEnd(span: Span, expected: SpanOutcome, where: readonly string[]): void {
    const seen = spanOutcome(span);
    if (seen.outcome === expected.outcome && seen.isError === expected.isError) return;
    const [expectedText, seenText] = [outcomeText(expected), outcomeText(seen)];
    const message = `${spanText(span)} says ${seenText}; the answer was ${expectedText}`;
    this.report('wrong_status', where, message, { spanId: span.spanId, expected: expectedText, seen: seenText });
  }

  reportParent(span: Span, where: readonly string[], expected: string): void {
    const seen = this.describe(span.parentSpanId);
    const message = `${spanText(span)} is below ${seen}, not ${expected}`;
    this.report('wrong_parent', where, message, { spanId: span.spanId, expected, seen });
  }

  /** A span in words, by its id. */
  describe(spanId: string | undefined): string {
    if (spanId === undefined) return 'no span';
    const span = this.tree.get(spanId);
    return span === undefined ? `span ${spanId}, which is missing` : spanText(span);
  }

  hideBelow(spanId: string): void {
    for (const span of this.tree.below(spanId)) this.hidden.add(span.spanId);
  }

  /** Hides what else a call has led to: other attempts of a proxy, mirrored requests. */
  hideOthersBelow(client: string): void {
    for (const { spanId } of this.tree.meshmockSpansBelow(client)) {
      if (this.places.has(spanId)) continue;
      this.hidden.add(spanId);
      this.hideBelow(spanId);
    }
  }

  /** Adds findings of spans of which nothing is found yet: what is said of one in two ways is mostly one thing. */
  add(findings: readonly Finding[]): void {
    const found = new Set(this.findings.map(({ spanId }) => spanId));
    this.findings.push(...findings.filter(({ spanId }) => spanId === undefined || !found.has(spanId)));
  }

  /** Spans of meshmocks beside one that the reply shows, and like it. */
  copies(): Finding[] {
    return this.surplus()
      .filter((span) => this.tree.childrenOf(span.parentSpanId ?? '').some((other) => this.isLike(span, other)))
      .map((span) => this.findingOf('doubled', span, `${spanText(span)} is one too many`));
  }

  /** Spans of meshmocks that belong to nothing that the reply shows. */
  unexpected(): Finding[] {
    return this.surplus().map((span) =>
      this.findingOf('unexpected', span, `${spanText(span)} belongs to no call of the answer`),
    );
  }

  private surplus(): Span[] {
    return this.tree.spans.filter(
      (span) => isMeshmockSpan(span) && !this.places.has(span.spanId) && !this.hidden.has(span.spanId),
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
