import { isMeshmockSpan, type Span } from './span.ts';

/** The spans of one trace by their ids and parents. An id that comes several times stands for its first span. */
export class SpanTree {
  readonly spans: readonly Span[];
  /** Ids that more than one span has. */
  readonly repeated: readonly string[];
  private readonly byId = new Map<string, Span>();
  private readonly byParent: ReadonlyMap<string | undefined, readonly Span[]>;

  constructor(spans: readonly Span[]) {
    const repeated = new Set<string>();
    for (const span of spans) {
      if (this.byId.has(span.spanId)) repeated.add(span.spanId);
      else this.byId.set(span.spanId, span);
    }
    this.spans = [...this.byId.values()];
    this.repeated = [...repeated];
    this.byParent = Map.groupBy(this.spans, ({ parentSpanId }) => parentSpanId);
  }

  get(spanId: string | undefined): Span | undefined {
    return spanId === undefined ? undefined : this.byId.get(spanId);
  }

  /** In the order of their starts. The parent itself may be missing. */
  childrenOf(spanId: string): readonly Span[] {
    return (this.byParent.get(spanId) ?? []).toSorted((a, b) => a.startMs - b.startMs);
  }

  /** The spans above one, the nearest first, up to the first without a parent or with one that is not there. */
  above(span: Span): Span[] {
    const found: Span[] = [];
    const seen = new Set([span.spanId]);
    for (
      let parent = this.get(span.parentSpanId);
      parent !== undefined && !seen.has(parent.spanId);
      parent = this.get(parent.parentSpanId)
    ) {
      seen.add(parent.spanId);
      found.push(parent);
    }
    return found;
  }

  /** The nearest span of a meshmock above one. */
  meshmockSpanAbove(span: Span): Span | undefined {
    return this.above(span).find(isMeshmockSpan);
  }

  /** All spans below one. */
  below(spanId: string): Span[] {
    return this.descend(spanId, () => true);
  }

  /** The nearest spans of meshmocks below one: what its call has led to, through whatever stands between. */
  meshmockSpansBelow(spanId: string): Span[] {
    return this.descend(spanId, (span) => !isMeshmockSpan(span)).filter(isMeshmockSpan);
  }

  /** The spans below one, and below those of them through which it may go on. */
  private descend(spanId: string, goesOn: (span: Span) => boolean): Span[] {
    const found: Span[] = [];
    const seen = new Set([spanId]);
    const open = [spanId];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (const child of this.childrenOf(id)) {
        if (seen.has(child.spanId)) continue;
        seen.add(child.spanId);
        found.push(child);
        if (goesOn(child)) open.push(child.spanId);
      }
    }
    return found;
  }
}
