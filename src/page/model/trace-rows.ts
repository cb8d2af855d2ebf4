import type { Tone } from './call-rows.ts';
import type { TraceSpan, TraceView } from './mesh-page-data.ts';

/** Span with the time that it did not spend in spans below it. */
export interface TraceRow {
  readonly span: TraceSpan;
  /** Parts of the span's time during which no span below it ran, relative to the start of the trace. */
  readonly own: readonly Interval[];
  readonly ownMs: number;
}

/** Time from one moment to another, in milliseconds. */
export interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

/** Time of a trace by its parts. */
export interface TraceShares {
  readonly proxyMs: number;
  readonly appMs: number;
  readonly proxies: number;
  readonly apps: number;
}

/**
 * Returns the spans of a trace with their own times. The own time of a proxy's span is what the proxy added.
 *
 * @example
 * traceRows(trace).map(({ span, ownMs }) => `${span.service} ${ownMs}`);
 */
export function traceRows({ spans }: TraceView): TraceRow[] {
  const children = Map.groupBy(spans, ({ parentSpanId }) => parentSpanId);
  return spans.map((span) => {
    const own = without(intervalOf(span), (children.get(span.spanId) ?? []).map(intervalOf));
    return { span, own, ownMs: own.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0) };
  });
}

/** Returns the time that proxies and services had for themselves. */
export function traceShares(rows: readonly TraceRow[]): TraceShares {
  const isProxy = ({ span }: TraceRow): boolean => span.origin !== 'app';
  const sumOf = (some: readonly TraceRow[]): number => some.reduce((sum, { ownMs }) => sum + ownMs, 0);
  const proxies = rows.filter(isProxy);
  const apps = rows.filter((row) => !isProxy(row));
  return { proxyMs: sumOf(proxies), appMs: sumOf(apps), proxies: proxies.length, apps: apps.length };
}

function intervalOf({ startMs, durationMs }: TraceSpan): Interval {
  return { startMs, endMs: startMs + durationMs };
}

/** Returns the parts of an interval that others do not cover. */
function without(all: Interval, others: readonly Interval[]): Interval[] {
  const parts: Interval[] = [];
  let from = all.startMs;
  for (const { startMs, endMs } of others.toSorted((a, b) => a.startMs - b.startMs)) {
    if (startMs > from) parts.push({ startMs: from, endMs: Math.min(startMs, all.endMs) });
    from = Math.max(from, endMs);
    if (from >= all.endMs) return parts;
  }
  if (from < all.endMs) parts.push({ startMs: from, endMs: all.endMs });
  return parts;
}

/** Returns the meaning of a span's result. */
export function toneOfSpan({ isError, status = '' }: TraceSpan): Tone {
  if (isError || /^5\d\d$/.test(status)) return 'bad';
  return /^4\d\d$/.test(status) ? 'notice' : 'good';
}

/**
 * Returns names without the namespace that most services have.
 *
 * @example
 * shortServices(['a.default', 'b.default']).get('a.default'); // 'a'
 */
export function shortServices(services: readonly string[]): ReadonlyMap<string, string> {
  const names = [...new Set(services)];
  const spaces = [...Map.groupBy(names, (name) => name.slice(name.lastIndexOf('.') + 1))];
  const [usual = ''] = spaces.sort(([, a], [, b]) => b.length - a.length)[0] ?? [];
  return new Map(names.map((name) => [name, name.endsWith(`.${usual}`) ? name.slice(0, -usual.length - 1) : name]));
}

/**
 * Says what a span is, such as `proxy of service1, sends`.
 *
 * @param isGateway true if the service is a gateway, which has spans of both kinds
 */
export function spanTitle({ origin, kind }: TraceSpan, service: string, isGateway: boolean): string {
  switch (isGateway ? 'gateway' : origin) {
    case 'app':
      return service;
    case 'gateway':
      return `gateway ${service}, ${kind === 'server' ? 'receives' : 'sends'}`;
    case 'sidecar':
      return `proxy of ${service}, ${kind === 'server' ? 'receives' : 'sends'}`;
  }
}

/**
 * Says which attempt of a request a span is.
 *
 * @example
 * attemptText({ attempt: 2, attempts: 3 }); // 'attempt 2 of 3'
 */
export function attemptText({ attempt, attempts }: Pick<TraceSpan, 'attempt' | 'attempts'>): string | undefined {
  if (attempt === undefined) return undefined;
  return `attempt ${attempt}${attempts === undefined ? '' : ` of ${attempts}`}`;
}

/** Name of Envoy's span for a request to a cluster, such as `router outbound|8080|v1|a.default.svc.cluster.local; egress`. */
const routerName = /^router outbound\|(?<port>\d+)\|(?<subset>[^|]*)\|(?<host>[^;]+);? egress$/;

/** Returns the name of a proxy's span without what only Envoy needs. */
function proxyAction(name: string): string {
  const { port, subset = '', host } = routerName.exec(name)?.groups ?? {};
  const shown = host === undefined ? name : `${host}:${port}${subset === '' ? '' : ` (${subset})`}`;
  return shown.replace('.svc.cluster.local', '');
}

/** Says what a span is about: `receives GET /hello`. The path is more exact than the name, which has placeholders. */
export function spanAction({ origin, kind, name, tags }: TraceSpan): string {
  const tagOf = (wanted: string): string | undefined => tags.find(([tag]) => tag === wanted)?.[1];
  if (origin !== 'app') return proxyAction(name);
  const method = tagOf('http.request.method') ?? '';
  const path = tagOf('url.path')?.replaceAll(/%7C/gi, '|');
  if (kind === 'server') return `receives ${path === undefined ? name : `${method} ${path}`.trim()}`;
  const url = tagOf('url.full')
    ?.replace(/^\w+:\/\//, '')
    .replaceAll(/%7C/gi, '|');
  return kind === 'client' ? `calls ${url ?? name}` : name;
}
