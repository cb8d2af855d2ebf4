import { incomingContext } from '../reply/incoming-context.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { CallResult } from '../reply/reply.ts';
import type { Finding } from './finding.ts';
import { Ledger } from './ledger.ts';
import { isProxy, proxiesOf } from './proxy-spans.ts';
import { ReplyChecker } from './reply-checker.ts';
import { isMeshmockSpan, type Span } from './span.ts';
import { SpanTree } from './span-tree.ts';

/** Result of comparing a trace with a reply. */
export interface TraceVerdict {
  readonly traceId: string;
  /** Number of spans. */
  readonly spans: number;
  /** Names of the services with spans, sorted. */
  readonly services: readonly string[];
  /** Names of the services whose sidecars have spans, sorted. */
  readonly sidecars: readonly string[];
  /** Names of the proxies that are not sidecars, such as gateways and waypoints, sorted. */
  readonly proxies: readonly string[];
  /** Names of the services with spans that are neither a meshmock's nor a proxy's, sorted. */
  readonly foreign: readonly string[];
  /** Number of calls in the reply. */
  readonly calls: number;
  /** Differences; empty if the trace is complete and right. */
  readonly findings: readonly Finding[];
}

/**
 * Compares the spans of a trace with the reply.
 *
 * Each call in the reply must have one CLIENT span and each service one SERVER span, with the right statuses, and with
 * the right parents through all proxies. Spans that the reply does not show, such as those below an earlier attempt,
 * only have to be consistent with each other.
 *
 * @example
 * const { findings } = compareTrace(call, readOtlp(answer.result));
 *
 * @param root the request itself, with its answer
 * @param spans all spans of the trace, from all programs
 * @param sent headers of the request, which may name a parent span
 */
export function compareTrace(root: CallResult, spans: readonly Span[], sent: Headers = {}): TraceVerdict {
  const traceId = root.reply?.traceId ?? '';
  const tree = new SpanTree(spans);
  const ledger = new Ledger(tree);
  const checker = new ReplyChecker(ledger, traceId);
  if (spans.length === 0) ledger.report('missing', [root.target], `trace ${traceId} has no spans`);
  else if (root.reply !== undefined) checker.checkRoot(root, root.reply, incomingContext(sent)?.spanId);
  const { sidecars, others } = proxiesOf(spans);
  const foreign = spans.filter((span) => !isMeshmockSpan(span) && !isProxy(span));
  return {
    traceId,
    spans: spans.length,
    services: servicesOf(spans),
    sidecars,
    proxies: others,
    foreign: servicesOf(foreign),
    calls: checker.calls,
    findings: ledger.findings,
  };
}

function servicesOf(spans: readonly Span[]): string[] {
  return [...new Set(spans.map(({ service }) => service))].sort();
}
