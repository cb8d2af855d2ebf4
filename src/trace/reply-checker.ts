import { type Protocol, protocolOf, schemes } from '../plan/plan.ts';
import { incomingContext } from '../reply/incoming-context.ts';
import { type CallResult, isRefusal, type Reply } from '../reply/reply.ts';
import type { Ledger } from './ledger.ts';
import { isMirrored, isProxy } from './proxy-spans.ts';
import { checkPool, type PooledCalls, poolsOf } from './repeated-calls.ts';
import { isMeshmockSpan, type Span } from './span.ts';
import { callOutcome, replyOutcome } from './span-outcome.ts';
import { checkStructure } from './structure.ts';
import { notExportedMessage } from './trace-problem.ts';

/** Checker of spans against a reply. It walks the reply from the first service down. */
export class ReplyChecker {
  /** Number of calls in the reply. */
  calls = 0;
  private readonly ledger: Ledger;
  private readonly traceId: string;
  /** Ids of the CLIENT spans whose calls have a reply. */
  private readonly replied = new Set<string>();
  /** True if a service exports no spans. The spans of its callees are then below the span of its caller. */
  private hasServiceWithoutSpans = false;

  constructor(ledger: Ledger, traceId: string) {
    this.ledger = ledger;
    this.traceId = traceId;
  }

  /**
   * Checks the whole reply, then the spans that the reply does not name.
   *
   * @param sentParent id of the span that the request names as its parent
   */
  checkRoot(root: CallResult, reply: Reply, sentParent: string | undefined): void {
    const { ledger, replied } = this;
    const { tree, places, missing } = ledger;
    this.checkReply(reply, protocolOfCall(root), undefined, [reply.service]);
    const first = tree.get(reply.spanId);
    const top = first === undefined ? undefined : (tree.above(first).at(-1) ?? first).spanId;
    // A gateway may have sent several attempts to the first service.
    if (top !== undefined && top !== reply.spanId) this.checkAttempts(top, reply, [reply.service]);
    const { hasServiceWithoutSpans } = this;
    const context = { tree, places, missing, replied, hasServiceWithoutSpans, top, sentParent };
    ledger.add(ledger.duplicates());
    ledger.add(checkStructure(context));
    ledger.add(ledger.unexpected());
  }

  /** @param caller id of the nearest CLIENT span above, or undefined for the first service */
  private checkReply(reply: Reply, protocol: Protocol, caller: string | undefined, where: readonly string[]): void {
    const { spanId, traceId } = reply;
    if (traceId !== undefined && traceId !== this.traceId) {
      const message = `is in another trace, ${traceId}: the trace context was lost on the way`;
      this.ledger.report('second_trace', where, message, { expected: this.traceId, seen: traceId });
      return;
    }
    // A service that refuses a request before it is read makes no span.
    if (spanId === undefined && isRefusal(reply)) return;
    if (spanId === undefined) {
      this.hasServiceWithoutSpans = true;
      this.ledger.report('not_exported', where, notExportedMessage(reply.service));
    } else {
      this.checkServer(reply, spanId, protocol, caller, where);
    }
    for (const call of reply.calls ?? []) this.checkCall(call, spanId, caller, where);
    if (spanId === undefined) return;
    if (reply.prunedCalls !== undefined) this.ledger.allowBelow(spanId);
    for (const pool of poolsOf(reply.calls ?? [])) this.checkRepeated(pool, spanId, where);
  }

  private checkServer(
    reply: Reply,
    spanId: string,
    protocol: Protocol,
    caller: string | undefined,
    where: readonly string[],
  ): void {
    const span = this.ledger.claim(spanId, 'server', where);
    if (span === undefined) return;
    this.ledger.checkOutcome(span, replyOutcome(reply, protocol), where);
    const context = incomingContext(reply.request?.headers ?? {});
    // The request names its parent, which may be missing in the trace, or be the span of a proxy.
    const named = context?.traceId === this.traceId ? context.spanId : undefined;
    const hasNamedParent = named === undefined || named === span.parentSpanId;
    if (
      hasNamedParent &&
      (this.ledger.tree.meshmockSpanAbove(span)?.spanId === caller || this.hasMissingAncestor(span))
    )
      return;
    const expected = this.ledger.describe(named ?? caller);
    this.ledger.reportParent(span, where, expected);
  }

  private checkCall(
    call: CallResult,
    owner: string | undefined,
    caller: string | undefined,
    above: readonly string[],
  ): void {
    const { reply, summary, error, spanId } = call;
    const where = [...above, reply?.service ?? hostOf(call)];
    if (summary !== undefined) {
      this.calls += summary.count;
      for (const { call: sample } of summary.samples ?? []) this.checkShownCall(sample, owner, caller, where);
      return;
    }
    if (error?.code === 'not_made') return;
    this.calls++;
    this.checkShownCall(call, owner, caller, where);
    if (spanId !== undefined && reply === undefined) this.ledger.allowBelow(spanId);
  }

  /** Checks one call that the reply shows with all its fields. */
  private checkShownCall(
    call: CallResult,
    owner: string | undefined,
    caller: string | undefined,
    where: readonly string[],
  ): void {
    const { reply, spanId } = call;
    if (owner !== undefined && spanId !== undefined) this.checkClient(call, spanId, owner, where);
    // TCP carries no trace context, so its callee makes no span.
    if (reply === undefined || protocolOfCall(call) === 'tcp') return;
    this.checkReply(reply, protocolOfCall(call), spanId ?? caller, where);
    if (spanId !== undefined) this.checkAttempts(spanId, reply, where);
  }

  private checkClient(call: CallResult, spanId: string, owner: string, where: readonly string[]): void {
    const span = this.ledger.claim(spanId, 'client', where);
    if (call.reply !== undefined) this.replied.add(spanId);
    if (span === undefined) return;
    const outcome = callOutcome(call);
    if (outcome !== undefined) this.ledger.checkOutcome(span, outcome, where);
    if (span.parentSpanId !== owner) this.ledger.reportParent(span, where, this.ledger.describe(owner));
  }

  /** Checks the number of attempts of a call. A proxy may make several, and the reply shows only the last one. */
  private checkAttempts(above: string, reply: Reply, where: readonly string[]): void {
    const { tree } = this.ledger;
    const servers = tree.meshmockSpansBelow(above).filter((span) => span.kind === 'server' && !isMirrored(span));
    const attempts = reply.mesh?.attempt ?? Number.POSITIVE_INFINITY;
    // Without a proxy, several SERVER spans violate another rule.
    const hasProxy = servers.some(({ parentSpanId }) => parentSpanId !== above || !isMeshmock(tree.get(above)));
    if (hasProxy && servers.length > attempts) {
      const message = `${servers.length} SERVER spans, but ${reply.service} got ${attempts === 1 ? '1 request' : `${attempts} requests`}`;
      this.ledger.report('doubled', where, message, { expected: String(attempts), seen: String(servers.length) });
    }
    this.ledger.allowOthersBelow(above);
  }

  /** Checks the CLIENT spans of calls of which the reply shows only counts or outcomes. */
  private checkRepeated(pool: PooledCalls, owner: string, above: readonly string[]): void {
    const where = [...above, pool.host];
    const candidates = this.ledger.tree
      .childrenOf(owner)
      .filter((span) => isMeshmockSpan(span) && pool.matches(span) && !pool.shown.has(span.spanId));
    const hasProxies = candidates.some(({ spanId }) => this.ledger.tree.childrenOf(spanId).some(isProxy));
    for (const finding of checkPool(pool, candidates, hasProxies)) this.ledger.findings.push({ ...finding, where });
    for (const { spanId } of candidates) {
      if (!this.ledger.places.has(spanId)) this.ledger.allowBelow(spanId);
      this.ledger.places.set(spanId, where);
    }
  }

  /** Reports whether the chain above a span ends at a missing parent, which has its own finding. */
  private hasMissingAncestor(span: Span): boolean {
    const { tree } = this.ledger;
    const top = tree.above(span).at(-1) ?? span;
    if (isMeshmockSpan(top) && top !== span) return false;
    return top.parentSpanId !== undefined && tree.get(top.parentSpanId) === undefined;
  }
}

function isMeshmock(span: Span | undefined): boolean {
  return span !== undefined && isMeshmockSpan(span);
}

/** Returns the protocol of a call. A scheme of another version of meshmock counts as HTTP. */
function protocolOfCall({ scheme }: CallResult): Protocol {
  const known = schemes.find((one) => one === scheme);
  return known === undefined ? 'http' : protocolOf(known);
}

function hostOf({ target }: CallResult): string {
  return target.replace(/:\d+$/, '');
}
