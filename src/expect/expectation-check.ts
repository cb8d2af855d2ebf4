import type { Plan } from '../plan/plan.ts';
import { type CallResult, type Counts, otherValues } from '../reply/reply.ts';
import { holdsWithin, satisfies } from './amount.ts';
import type { Amount, Claim, Expectation, Fact, Time } from './expectation.ts';
import { countsOf, factOf, satisfiesFact, textCountsOf } from './facts.ts';
import { Latencies } from './latencies.ts';
import { TextCounts } from './text-counts.ts';
import { textFactTitle, textOf } from './text-facts.ts';
import { type VisitedCall, visitCalls } from './visit-calls.ts';

/** Result of an expectation. */
export interface ExpectationVerdict {
  readonly expectation: string;
  readonly passed: boolean;
  /** Text for a person: what the answers show. */
  readonly seen: string;
}

type TextClaim = Extract<Claim, { kind: 'text' }>;

/** Judgement of a claim. If `holds` is undefined, neither the expectation nor its negation passes. */
interface Judgement {
  readonly holds: boolean | undefined;
  readonly seen: string;
}

/**
 * Check of one expectation against any number of answers to one plan. It keeps counts and durations, not answers.
 *
 * @example
 * const check = new ExpectationCheck(parseExpectation('reviews status = 200'), plan);
 * check.observe(call);
 * check.verdict().passed;
 */
export class ExpectationCheck {
  private readonly expectation: Expectation;
  private readonly plan: Plan;
  private readonly isEntered: boolean;
  /** True if the first service is the one of the edge, and received the request past the mesh. */
  private isFirst = false;
  /** Number of calls with each value of the fact. */
  private readonly counts = new Map<string, number>();
  private readonly texts: TextCounts;
  private readonly latencies: Latencies;
  private readonly calledHosts = new Set<string>();
  /** Number of calls of the edge. */
  private total = 0;
  /** Number of calls of the edge that show the fact. */
  private known = 0;
  /** Reason for which the answers may not show all calls of the edge, or not show the fact. */
  private hidden: string | undefined;

  /**
   * @param plan plan of the first service
   * @param isEntered true if the first service received the request past the mesh: then this is not a call to it
   */
  constructor(expectation: Expectation, plan: Plan, isEntered = false) {
    this.expectation = expectation;
    this.plan = plan;
    this.isEntered = isEntered;
    const { claim } = expectation;
    this.latencies = new Latencies(claim.kind === 'first-byte' ? 'first-byte' : 'latency');
    this.texts = new TextCounts(claim.kind === 'text' ? claim.condition : { kind: 'exists' });
  }

  /**
   * Counts the calls of one answer.
   *
   * @param root the request itself, with its answer
   */
  observe(root: CallResult): void {
    const { edge } = this.expectation;
    if (edge.kind === 'root') {
      this.add(root);
      return;
    }
    visitCalls(root, this.plan, edge, {
      onCall: (visited) => this.visit(visited),
      onHidden: (reason) => {
        this.hidden = reason;
      },
      onFirst: (call) => {
        if (!this.isEntered) this.visit({ host: edge.to, isOfEdge: true, call });
        this.isFirst = true;
      },
    });
  }

  private visit({ host, isOfEdge, call }: VisitedCall): void {
    if (isOfEdge) this.add(call);
    this.calledHosts.add(host);
  }

  private add(call: CallResult): void {
    const { claim } = this.expectation;
    const { summary } = call;
    this.total += summary?.count ?? 1;
    if (claim.kind === 'latency' || claim.kind === 'first-byte') this.latencies.add(call);
    if (claim.kind === 'first-byte' && summary !== undefined) this.hidden = notCounted('first byte');
    if (claim.kind === 'text') this.addText(call, claim);
    if (claim.kind !== 'each' && claim.kind !== 'share') return;
    if (summary === undefined) {
      this.addCounts(singleCount(factOf(call, claim.fact)));
      return;
    }
    const counts = countsOf(summary, claim.fact);
    if (counts === undefined) this.hidden = notCounted(claim.fact);
    else this.addCounts(counts);
  }

  private addText(call: CallResult, { fact, condition }: TextClaim): void {
    if (call.summary === undefined) {
      const text = textOf(call, fact, condition);
      if (text !== undefined) this.texts.add(text);
      return;
    }
    const counts = textCountsOf(call.summary, fact);
    if (counts === undefined) this.hidden = notCounted(textFactTitle(fact));
    for (const [text, count] of counts ?? []) this.texts.add(text, count);
  }

  private addCounts(counts: Counts): void {
    for (const [value, count] of Object.entries(counts)) {
      if (value === otherValues) continue;
      this.counts.set(value, (this.counts.get(value) ?? 0) + count);
      this.known += count;
    }
  }

  /** Returns the result for the answers so far. */
  verdict(): ExpectationVerdict {
    const { text, isNegated, claim } = this.expectation;
    const { holds, seen } = this.judge(claim);
    const notes = [this.hidden !== undefined && this.total === 0 ? undefined : seen, this.hidden];
    return {
      expectation: text,
      passed: holds === undefined ? false : holds !== isNegated,
      seen: notes.filter((note) => note !== undefined).join('; '),
    };
  }

  private judge(claim: Claim): Judgement {
    switch (claim.kind) {
      case 'calls':
        return {
          holds: holdsWithin(this.total, this.mostWith(this.total), claim.amount),
          seen: this.total === 0 ? this.notCalled() : countOf(this.total),
        };
      case 'latency':
      case 'first-byte':
        return this.judgeLatency(claim);
      case 'each':
        return this.judgeEach(claim);
      case 'share':
        return this.judgeShare(claim);
      case 'text':
        return this.judgeText(claim);
    }
  }

  private judgeText({ fact, amount }: TextClaim): Judgement {
    const { known, hits, entries } = this.texts;
    const title = textFactTitle(fact);
    if (known === 0) return this.judgeUnknown(title);
    const seen = this.countsText(entries, known, title);
    if (amount !== undefined) return this.judgeAmount(hits, known, amount, seen);
    // One counterexample is enough, even if other calls are hidden.
    if (hits < known) return { holds: false, seen };
    return { holds: known === this.total ? this.unlessHidden(true) : undefined, seen };
  }

  private judgeLatency({ kind, statistic, amount }: Extract<Claim, { kind: Time }>): Judgement {
    if (this.total === 0) return { holds: undefined, seen: this.notCalled() };
    const { unknown } = this.latencies;
    const reason = kind === 'latency' ? 'had no answer' : 'had no answer in parts, which would show its first byte';
    if (unknown > 0) return { holds: undefined, seen: `${unknown} of ${countOf(this.total)} ${reason}` };
    const valueMs = this.latencies.statistic(statistic);
    if (valueMs === undefined)
      return { holds: undefined, seen: 'percentiles of several repeated calls (*N) cannot be combined' };
    return {
      holds: this.unlessHidden(satisfies(valueMs, amount)),
      seen: `${statistic} ${valueMs} ms of ${countOf(this.total)}`,
    };
  }

  private judgeEach({ fact, comparison, value }: Extract<Claim, { kind: 'each' }>): Judgement {
    if (this.known === 0) return this.judgeUnknown(fact);
    const holds = [...this.counts.keys()].every((seen) => satisfiesFact(fact, seen, comparison, value));
    const seen = this.seenCounts(fact);
    // One counterexample is enough, even if other calls are hidden.
    if (!holds) return { holds, seen };
    return { holds: this.known === this.total ? this.unlessHidden(true) : undefined, seen };
  }

  private judgeShare({ fact, value, amount }: Extract<Claim, { kind: 'share' }>): Judgement {
    if (this.known === 0) return this.judgeUnknown(fact);
    const hits = [...this.counts]
      .filter(([seen]) => satisfiesFact(fact, seen, '=', value))
      .reduce((sum, [, count]) => sum + count, 0);
    return this.judgeAmount(hits, this.known, amount, this.seenCounts(fact));
  }

  /** @param known number of calls that show the fact */
  private judgeAmount(hits: number, known: number, amount: Amount, seen: string): Judgement {
    const holdsAsPercentage = satisfies((100 * hits) / known, amount);
    if (amount.unit === 'percent') return { holds: this.unlessHidden(holdsAsPercentage), seen };
    const holds = holdsWithin(hits, this.mostWith(hits + this.total - known), amount);
    // A number without % counts calls, which is easy to miss.
    const hint = holds === false && holdsAsPercentage ? `; did you mean ${amount.value}%?` : '';
    return { holds, seen: seen + hint };
  }

  /** Returns the largest number of calls, if this number is visible. */
  private mostWith(visible: number): number {
    return this.hidden === undefined ? visible : Number.POSITIVE_INFINITY;
  }

  private unlessHidden(holds: boolean): boolean | undefined {
    return this.hidden === undefined ? holds : undefined;
  }

  private seenCounts(fact: Fact): string {
    const entries = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return this.countsText(entries, this.known, fact);
  }

  private countsText(
    entries: readonly (readonly [value: string, count: number])[],
    known: number,
    fact: string,
  ): string {
    const shares = entries.map(
      ([value, count]) => `${value} ×${count} (${Number(((100 * count) / known).toFixed(1))}%)`,
    );
    const unknown = this.total - known;
    return shares.join(', ') + (unknown > 0 ? `; ${fact} unknown for ${unknown} of ${countOf(this.total)}` : '');
  }

  private judgeUnknown(fact: string): Judgement {
    if (this.total > 0) return { holds: undefined, seen: `${fact} unknown for ${countOf(this.total)}` };
    return { holds: undefined, seen: this.notCalled() };
  }

  /** Returns that no call went to the service, and the hosts that were called: the name may be misspelt. */
  private notCalled(): string {
    const { edge } = this.expectation;
    if (edge.kind === 'root') return 'no answer';
    const wanted = edge.from === undefined ? edge.to : `${edge.to} from ${edge.from}`;
    const hosts = [...this.calledHosts].join(', ');
    if (this.isFirst && hosts === '')
      return `no call to ${wanted}: the request begins there; write "root", or let another service call it`;
    return `no call to ${wanted}; ${hosts === '' ? 'no service was called' : `calls went to ${hosts}`}`;
  }
}

/** Reports whether an expectation allows that the request has no answer. Such a request did not fail. */
export function expectsNoAnswer({ edge, claim, isNegated }: Expectation): boolean {
  if (edge.kind !== 'root' || isNegated || (claim.kind !== 'each' && claim.kind !== 'share')) return false;
  if (claim.kind === 'each' && claim.comparison !== '=') return false;
  const values = claim.value.split('|');
  return claim.fact === 'answered-by'
    ? values.includes('nobody')
    : claim.fact === 'status' && values.some((value) => /^[a-z]/.test(value));
}

function notCounted(fact: string): string {
  return `a repeated call (*N) does not count the ${fact}; repeat the request instead`;
}

function countOf(calls: number): string {
  return calls === 1 ? '1 call' : `${calls} calls`;
}

function singleCount(value: string | undefined): Counts {
  return value === undefined ? {} : { [value]: 1 };
}
