import { incomingContext } from '../reply/incoming-context.ts';
import type { CallResult, Protocol, Reply } from '../reply/reply.ts';
import type { Ledger } from './ledger.ts';
import { isMirrored, isProxy } from './proxy-spans.ts';
import { checkPool, type PooledCalls, poolsOf } from './repeated-calls.ts';
import { isMeshmockSpan, type Span } from './span.ts';
import { callOutcome, replyOutcome } from './span-outcome.ts';
import { checkStructure } from './structure.ts';
import { notExportedMessage } from './trace-problem.ts';

/** Walks a reply from the first service down, and holds the spans against what it shows. */
export class ReplyChecker {
  /** How many calls it shows. */
  calls = 0;
  private readonly ledger: Ledger;
  private readonly traceId: string;
  /** CLIENT spans whose reply is shown. */
  private readonly replied = new Set<string>();
  /** Whether a service makes no spans: those above and below it are then parent and child. */
  private hasDark = false;

  constructor(ledger: Ledger, traceId: string) {
    this.ledger = ledger;
    this.traceId = traceId;
  }

  /**
   * Walks it all, and then looks at what is left.
   *
   * @param sentParent the span that the request named as its parent
   */
  checkRoot(root: CallResult, reply: Reply, sentParent: string | undefined): void {
    const { ledger, replied } = this;
    const { tree, places, missing } = ledger;
    this.checkReply(reply, protocolOf(root), undefined, [reply.service]);
    const first = tree.get(reply.spanId);
    const top = first === undefined ? undefined : (tree.above(first).at(-1) ?? first).spanId;
    // A gateway may have tried the first service more than once.
    if (top !== undefined && top !== reply.spanId) this.checkAttempts(top, reply, [reply.service]);
    const around = { tree, places, missing, replied, hasServiceWithoutSpans: this.hasDark, top, sentParent };
    ledger.add(ledger.copies());
    ledger.add(checkStructure(around));
    ledger.add(ledger.unexpected());
  }

  /** @param caller the nearest CLIENT span above, by its id; undefined above the first service */
  private checkReply(reply: Reply, protocol: Protocol, caller: string | undefined, where: readonly string[]): void {
    const { spanId, traceId } = reply;
    if (traceId !== undefined && traceId !== this.traceId) {
      const message = `is in another trace, ${traceId}: on the way to it the context was lost`;
      this.ledger.report('second_trace', where, message, { expected: this.traceId, seen: traceId });
      return;
    }
    if (spanId === undefined) {
      this.hasDark = true;
      this.ledger.report('not_exported', where, notExportedMessage(reply.service));
    } else {
      this.checkServer(reply, spanId, protocol, caller, where);
    }
    for (const call of reply.calls ?? []) this.checkCall(call, spanId, caller, where);
    if (spanId === undefined) return;
    if (reply.prunedCalls !== undefined) this.ledger.hideBelow(spanId);
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
    this.ledger.checkEnd(span, replyOutcome(reply, protocol), where);
    const context = incomingContext(reply.request?.headers ?? {});
    const told = context?.traceId === this.traceId ? context.spanId : undefined;
    // The request itself said who its parent is; that one may be missing, or be a proxy of which more is to be seen.
    const isTold = told === undefined || told === span.parentSpanId;
    if (isTold && (this.ledger.tree.meshmockSpanAbove(span)?.spanId === caller || this.isCut(span))) return;
    const expected = told === undefined || told === caller ? this.ledger.describe(caller) : this.ledger.describe(told);
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
      for (const { call: sample } of summary.samples ?? []) this.checkShown(sample, owner, caller, where);
      return;
    }
    if (error?.code === 'not_made') return;
    this.calls++;
    this.checkShown(call, owner, caller, where);
    if (spanId !== undefined && reply === undefined) this.ledger.hideBelow(spanId);
  }

  /** One call that is shown with all that is known of it. */
  private checkShown(
    call: CallResult,
    owner: string | undefined,
    caller: string | undefined,
    where: readonly string[],
  ): void {
    const { reply, spanId } = call;
    if (owner !== undefined && spanId !== undefined) this.checkClient(call, spanId, owner, where);
    if (reply === undefined) return;
    this.checkReply(reply, protocolOf(call), spanId ?? caller, where);
    if (spanId !== undefined) this.checkAttempts(spanId, reply, where);
  }

  private checkClient(call: CallResult, spanId: string, owner: string, where: readonly string[]): void {
    const span = this.ledger.claim(spanId, 'client', where);
    if (call.reply !== undefined) this.replied.add(spanId);
    if (span === undefined) return;
    const end = callOutcome(call);
    if (end !== undefined) this.ledger.checkEnd(span, end, where);
    if (span.parentSpanId !== owner) this.ledger.reportParent(span, where, this.ledger.describe(owner));
  }

  /** A proxy may have tried a call more than once: of its other attempts nothing is shown but, perhaps, their number. */
  private checkAttempts(above: string, reply: Reply, where: readonly string[]): void {
    const { tree } = this.ledger;
    const servers = tree.meshmockSpansBelow(above).filter((span) => span.kind === 'server' && !isMirrored(span));
    const attempts = reply.mesh?.attempt ?? Number.POSITIVE_INFINITY;
    // Without one there cannot be several, which is said elsewhere.
    const hasProxy = servers.some(({ parentSpanId }) => parentSpanId !== above || !isCall(tree.get(above)));
    if (hasProxy && servers.length > attempts) {
      const message = `${servers.length} SERVER spans, but ${reply.service} was asked ${attempts === 1 ? 'once' : `${attempts} times`}`;
      this.ledger.report('doubled', where, message, { expected: String(attempts), seen: String(servers.length) });
    }
    this.ledger.hideOthersBelow(above);
  }

  /** Calls of which only counts or outcomes are shown: their CLIENT spans are held against these. */
  private checkRepeated(pool: PooledCalls, owner: string, above: readonly string[]): void {
    const where = [...above, pool.host];
    const candidates = this.ledger.tree
      .childrenOf(owner)
      .filter((span) => isMeshmockSpan(span) && pool.matches(span) && !pool.plain.has(span.spanId));
    const hasProxies = candidates.some(({ spanId }) => this.ledger.tree.childrenOf(spanId).some(isProxy));
    for (const finding of checkPool(pool, candidates, hasProxies)) this.ledger.findings.push({ ...finding, where });
    for (const { spanId } of candidates) {
      if (!this.ledger.places.has(spanId)) this.ledger.hideBelow(spanId);
      this.ledger.places.set(spanId, where);
    }
  }

  /** Whether the chain above a span ends at a parent that nobody has sent, which is said elsewhere. */
  private isCut(span: Span): boolean {
    const { tree } = this.ledger;
    const top = tree.above(span).at(-1) ?? span;
    if (isMeshmockSpan(top) && top !== span) return false;
    return top.parentSpanId !== undefined && tree.get(top.parentSpanId) === undefined;
  }
}

function isCall(span: Span | undefined): boolean {
  return span !== undefined && isMeshmockSpan(span);
}

function protocolOf({ scheme }: CallResult): Protocol {
  return scheme.startsWith('grpc') ? 'grpc' : 'http';
}

function hostOf({ target }: CallResult): string {
  return target.replace(/:\d+$/, '');
}
