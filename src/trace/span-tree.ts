import { isMeshmockSpan, type Span } from './span.ts';

/** Spans of one trace by id and by parent. If several spans have the same id, only the first one counts. */
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

  /** Returns the children of a span, sorted by start. The span itself may be missing. */
  childrenOf(spanId: string): readonly Span[] {
    return (this.byParent.get(spanId) ?? []).toSorted((a, b) => a.startMs - b.startMs);
  }

  /** Returns the spans above a span, the nearest first, up to one without a parent in the trace. */
  above(span: Span): Span[] {
    const found: Span[] = [];
    const visited = new Set([span.spanId]);
    for (
      let parent = this.get(span.parentSpanId);
      parent !== undefined && !visited.has(parent.spanId);
      parent = this.get(parent.parentSpanId)
    ) {
      visited.add(parent.spanId);
      found.push(parent);
    }
    return found;
  }

  /** Returns the nearest meshmock's span above a span. */
  meshmockSpanAbove(span: Span): Span | undefined {
    return this.above(span).find(isMeshmockSpan);
  }

  /** Returns all spans below a span. */
  below(spanId: string): Span[] {
    return this.descend(spanId, () => true);
  }

  /** Returns the nearest meshmocks' spans below a span. Other spans may be between them. */
  meshmockSpansBelow(spanId: string): Span[] {
    return this.descend(spanId, (span) => !isMeshmockSpan(span)).filter(isMeshmockSpan);
  }

  /** Returns the spans below a span. It only descends below a span that `mayDescend` accepts. */
  private descend(spanId: string, mayDescend: (span: Span) => boolean): Span[] {
    const found: Span[] = [];
    const visited = new Set([spanId]);
    const open = [spanId];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (const child of this.childrenOf(id)) {
        if (visited.has(child.spanId)) continue;
        visited.add(child.spanId);
        found.push(child);
        if (mayDescend(child)) open.push(child.spanId);
      }
    }
    return found;
  }
}
