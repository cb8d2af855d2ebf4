import { incomingContext } from '../reply/incoming-context.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { CallResult } from '../reply/reply.ts';
import type { Finding } from './finding.ts';
import { Ledger } from './ledger.ts';
import { isProxy, proxiesOf } from './proxy-spans.ts';
import { ReplyChecker } from './reply-checker.ts';
import { isMeshmockSpan, type Span } from './span.ts';
import { SpanTree } from './span-tree.ts';

/** What became of holding a trace against a reply. */
export interface TraceVerdict {
  readonly traceId: string;
  /** How many spans there are. */
  readonly spans: number;
  /** Who made them, in the order of the alphabet. */
  readonly services: readonly string[];
  /** Of these, who has a sidecar that took part. */
  readonly sidecars: readonly string[];
  /** Proxies that stand alone: gateways, waypoints. */
  readonly proxies: readonly string[];
  /** Who made spans that are neither a meshmock's nor a proxy's. */
  readonly foreign: readonly string[];
  /** How many calls the reply shows. */
  readonly calls: number;
  /** None when the trace is whole. */
  readonly findings: readonly Finding[];
}

/**
 * Holds the spans of a trace against the reply: each call that it shows has its CLIENT span and each service its SERVER
 * span, exactly once, with the right parents through whatever proxies stand between, and with the right statuses. What
 * the reply does not show, such as what happened below an earlier attempt, is judged only by what the spans say of each
 * other.
 *
 * @param root the request itself, as the one who sent it saw it
 * @param spans all of the trace, whoever made them
 * @param sent the headers that were sent, which may have named a parent
 */
export function compareTrace(root: CallResult, spans: readonly Span[], sent: Headers = {}): TraceVerdict {
  const traceId = root.reply?.traceId ?? '';
  const tree = new SpanTree(spans);
  const ledger = new Ledger(tree);
  const walk = new ReplyChecker(ledger, traceId);
  if (spans.length === 0) ledger.report('missing', [root.target], `there is no span of trace ${traceId}`);
  else if (root.reply !== undefined) walk.checkRoot(root, root.reply, incomingContext(sent)?.spanId);
  const { sidecars, others } = proxiesOf(spans);
  const foreign = spans.filter((span) => !isMeshmockSpan(span) && !isProxy(span));
  return {
    traceId,
    spans: spans.length,
    services: servicesOf(spans),
    sidecars,
    proxies: others,
    foreign: servicesOf(foreign),
    calls: walk.calls,
    findings: ledger.findings,
  };
}

function servicesOf(spans: readonly Span[]): string[] {
  return [...new Set(spans.map(({ service }) => service))].sort();
}
