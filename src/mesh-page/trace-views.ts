import type { TraceSpan, TraceSummary, TraceView } from '../page/model/mesh-page-data.ts';
import { isProxy, roleOf } from '../trace/proxy-spans.ts';
import { isMeshmockSpan, type Span, statusOf } from '../trace/span.ts';
import { SpanTree } from '../trace/span-tree.ts';
import { attemptsOf } from './span-attempts.ts';

/** Maximum number of spans in a view, of tags of a span, and of letters of a tag. */
const mostSpans = 2000;
const mostTags = 60;
const longestTag = 1000;

/** Returns a line for each trace, the newest first. */
export function traceSummaries(spans: readonly Span[], most: number): TraceSummary[] {
  const traces = [...Map.groupBy(spans, ({ traceId }) => traceId).values()];
  return traces
    .map(summaryOf)
    .toSorted((a, b) => b.startMs - a.startMs)
    .slice(0, most);
}

function summaryOf(spans: readonly Span[]): TraceSummary {
  const sorted = spans.toSorted((a, b) => a.startMs - b.startMs);
  const known = new Set(spans.map(({ spanId }) => spanId));
  const roots = sorted.filter(({ parentSpanId }) => parentSpanId === undefined || !known.has(parentSpanId));
  const first = (roots[0] ?? sorted[0]) as Span;
  const { startMs, durationMs } = timeOf(spans);
  return {
    traceId: first.traceId,
    startMs,
    durationMs,
    service: first.service,
    name: nameOf(first),
    services: [...new Set(sorted.map(({ service }) => service))],
    spans: spans.length,
    errors: spans.filter(({ isError }) => isError).length,
  };
}

/** Returns a trace as a tree of spans. Spans whose parent is missing are roots. */
export function traceView(traceId: string, spans: readonly Span[]): TraceView {
  const tree = new SpanTree(spans);
  const { startMs, durationMs } = timeOf(tree.spans);
  const attempts = attemptsOf(tree);
  const rows: TraceSpan[] = [];
  const visited = new Set<string>();
  const visit = (span: Span, depth: number): void => {
    if (visited.has(span.spanId)) return;
    visited.add(span.spanId);
    if (rows.length < mostSpans) rows.push({ ...rowOf(span, depth, startMs), ...attempts.get(span.spanId) });
    for (const child of tree.childrenOf(span.spanId)) visit(child, depth + 1);
  };
  const roots = tree.spans.filter(({ parentSpanId }) => tree.get(parentSpanId) === undefined);
  for (const root of [...roots.toSorted((a, b) => a.startMs - b.startMs), ...tree.spans]) visit(root, 0);
  return { traceId, startMs, durationMs, spans: rows, leftOut: tree.spans.length - rows.length };
}

function timeOf(spans: readonly Span[]): { readonly startMs: number; readonly durationMs: number } {
  let [startMs, endMs] = [Number.POSITIVE_INFINITY, 0];
  for (const span of spans) {
    startMs = Math.min(startMs, span.startMs);
    endMs = Math.max(endMs, span.startMs + span.durationMs);
  }
  return spans.length === 0 ? { startMs: 0, durationMs: 0 } : { startMs, durationMs: endMs - startMs };
}

function rowOf(span: Span, depth: number, startMs: number): TraceSpan {
  const { spanId, parentSpanId, service, kind, durationMs, isError } = span;
  const status = statusOf(span);
  const tags = Object.entries({ ...span.resource, ...span.attributes }).map(
    ([name, value]) => [name, String(value).slice(0, longestTag)] as const,
  );
  return {
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    depth,
    service,
    origin: originOf(span),
    kind,
    name: nameOf(span),
    startMs: span.startMs - startMs,
    durationMs,
    isError,
    ...(status === undefined ? {} : { status: String(status) }),
    tags: tags.toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, mostTags),
  };
}

function originOf(span: Span): TraceSpan['origin'] {
  if (isMeshmockSpan(span) || !isProxy(span)) return 'app';
  return roleOf(span) === 'router' ? 'gateway' : 'sidecar';
}

/** Returns the method and the path of a request to a meshmock, whose name has only the method; the name of other spans. */
function nameOf(span: Span): string {
  const { name, attributes } = span;
  const path = attributes['url.path'] ?? attributes['http.target'];
  if (!isMeshmockSpan(span) || path === undefined) return name;
  return `${name.split(' ')[0]} ${String(path).slice(0, longestTag)}`;
}
