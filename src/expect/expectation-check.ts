import type { Plan } from '../plan/plan.ts';
import { type CallResult, type Counts, otherValues } from '../reply/reply.ts';
import type { Amount, Claim, Expectation } from './expectation.ts';
import { countsOf, factOf, isInOrder, satisfiesFact } from './facts.ts';
import { Latencies } from './latencies.ts';
import { type VisitedCall, visitCalls } from './visit-calls.ts';

/** What became of an expectation. */
export interface ExpectationVerdict {
  readonly expectation: string;
  readonly passed: boolean;
  /** For a person to read: what was seen instead or as well. */
  readonly seen: string;
}

/** `holds` is undefined when what was seen cannot tell: then neither the expectation nor its negation passes. */
interface Judgement {
  readonly holds: boolean | undefined;
  readonly seen: string;
}

/** Holds one expectation against any number of answers to one plan. It keeps counts and times, not answers. */
export class ExpectationCheck {
  private readonly expectation: Expectation;
  private readonly plan: Plan;
  /** By value, of the calls that told it. */
  private readonly counts = new Map<string, number>();
  private readonly latencies = new Latencies();
  private readonly called = new Set<string>();
  /** Calls of the edge there were. */
  private total = 0;
  /** Of them, those that told what is claimed about: nobody's version can be known. */
  private told = 0;
  /** Why there may have been more calls of the edge than were seen, or why what was seen is not enough. */
  private hidden: string | undefined;

  /** @param plan what the service that is asked first is to do */
  constructor(expectation: Expectation, plan: Plan) {
    this.expectation = expectation;
    this.plan = plan;
  }

  /** Looks at one answer: the call that was made to get it, with all that is below. */
  observe(root: CallResult): void {
    const { edge } = this.expectation;
    if (edge.kind === 'root') {
      this.add(root);
      return;
    }
    visitCalls(root, this.plan, edge, {
      onCall: (seen) => this.meet(seen),
      onHidden: (reason) => {
        this.hidden = reason;
      },
    });
  }

  private meet({ host, isMeant, call }: VisitedCall): void {
    if (isMeant) this.add(call);
    this.called.add(host);
  }

  private add(call: CallResult): void {
    const { claim } = this.expectation;
    const { summary } = call;
    this.total += summary?.count ?? 1;
    if (claim.kind === 'latency') this.latencies.add(call);
    if (claim.kind !== 'each' && claim.kind !== 'share') return;
    if (summary === undefined) {
      this.addCounts(singleCount(factOf(call, claim.fact)));
      return;
    }
    const counts = countsOf(summary, claim.fact);
    if (counts === undefined)
      this.hidden = `a repeated call (*N) does not tell the ${claim.fact} of each; repeat the request instead`;
    else this.addCounts(counts);
  }

  private addCounts(counts: Counts): void {
    for (const [value, count] of Object.entries(counts)) {
      if (value === otherValues) continue;
      this.counts.set(value, (this.counts.get(value) ?? 0) + count);
      this.told += count;
    }
  }

  /** What became of the expectation, by the answers so far. */
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
          holds: sameWithin(this.total, this.mostWith(this.total), claim.amount),
          seen: this.total === 0 ? this.notCalled() : countOf(this.total),
        };
      case 'latency':
        return this.judgeLatency(claim);
      case 'each':
        return this.judgeEach(claim);
      case 'share':
        return this.judgeShare(claim);
    }
  }

  private judgeLatency({ statistic, amount }: Extract<Claim, { kind: 'latency' }>): Judgement {
    if (this.total === 0) return { holds: undefined, seen: this.notCalled() };
    const { unanswered } = this.latencies;
    // How long they would have taken, nobody knows.
    if (unanswered > 0) return { holds: undefined, seen: `${unanswered} of ${countOf(this.total)} had no answer` };
    const valueMs = this.latencies.statistic(statistic);
    if (valueMs === undefined)
      return { holds: undefined, seen: 'percentiles of several repeated calls (*N), which cannot be joined' };
    return {
      holds: this.unlessHidden(satisfies(valueMs, amount)),
      seen: `${statistic} ${valueMs} ms of ${countOf(this.total)}`,
    };
  }

  private judgeEach({ fact, comparison, value }: Extract<Claim, { kind: 'each' }>): Judgement {
    if (this.told === 0) return this.nothing();
    const holds = [...this.counts.keys()].every((seen) => satisfiesFact(fact, seen, comparison, value));
    const seen = this.seenCounts();
    // One counterexample is enough, whatever the others are.
    if (!holds) return { holds, seen };
    return { holds: this.told === this.total ? this.unlessHidden(true) : undefined, seen };
  }

  private judgeShare({ fact, value, amount }: Extract<Claim, { kind: 'share' }>): Judgement {
    if (this.told === 0) return this.nothing();
    const hits = [...this.counts]
      .filter(([seen]) => satisfiesFact(fact, seen, '=', value))
      .reduce((sum, [, count]) => sum + count, 0);
    const seen = this.seenCounts();
    if (amount.unit === 'percent')
      return { holds: this.unlessHidden(satisfies((100 * hits) / this.told, amount)), seen };
    return { holds: sameWithin(hits, this.mostWith(hits + this.total - this.told), amount), seen };
  }

  /** The most that a number can really be, of which so much was seen. */
  private mostWith(seen: number): number {
    return this.hidden === undefined ? seen : Number.POSITIVE_INFINITY;
  }

  private unlessHidden(holds: boolean): boolean | undefined {
    return this.hidden === undefined ? holds : undefined;
  }

  private seenCounts(): string {
    const entries = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const shares = entries.map(
      ([value, count]) => `${value} ×${count} (${Number(((100 * count) / this.told).toFixed(1))}%)`,
    );
    const untold = this.total - this.told;
    return shares.join(', ') + (untold > 0 ? `; ${untold} of ${countOf(this.total)} did not tell` : '');
  }

  private nothing(): Judgement {
    if (this.total > 0) return { holds: undefined, seen: `${countOf(this.total)}, of which none told` };
    return { holds: undefined, seen: this.notCalled() };
  }

  /** With who was called: a name that is misspelt is never called either. */
  private notCalled(): string {
    const { edge } = this.expectation;
    if (edge.kind === 'root') return 'no answer';
    const meant = edge.from === undefined ? edge.to : `${edge.to} from ${edge.from}`;
    return `no call to ${meant}; ${this.called.size === 0 ? 'nobody was called' : `called were ${[...this.called].join(', ')}`}`;
  }
}

/** Whether an expectation is about a request that nobody answers: then that nobody does is no failure to reach anybody. */
export function expectsNoAnswer({ edge, claim, isNegated }: Expectation): boolean {
  if (edge.kind !== 'root' || isNegated || (claim.kind !== 'each' && claim.kind !== 'share')) return false;
  if (claim.kind === 'each' && claim.comparison !== '=') return false;
  const values = claim.value.split('|');
  return claim.fact === 'answered-by'
    ? values.includes('nobody')
    : claim.fact === 'status' && values.some((value) => /^[a-z]/.test(value));
}

function countOf(calls: number): string {
  return calls === 1 ? '1 call' : `${calls} calls`;
}

function singleCount(value: string | undefined): Counts {
  return value === undefined ? {} : { [value]: 1 };
}

/** Whether an amount is satisfied, when all that is known is that it lies between two; undefined when that depends. */
function sameWithin(least: number, most: number, amount: Amount): boolean | undefined {
  const holds = satisfies(least, amount);
  const isBetween = least < amount.value && amount.value < most;
  return satisfies(most, amount) !== holds || satisfies(isBetween ? amount.value : least, amount) !== holds
    ? undefined
    : holds;
}

/** For what floating point makes of percentages. */
const epsilon = 1e-9;

function satisfies(seen: number, { comparison, value, tolerance }: Amount): boolean {
  switch (comparison) {
    case '=':
      return Math.abs(seen - value) <= tolerance + epsilon;
    case '!=':
      return Math.abs(seen - value) > tolerance + epsilon;
    default:
      return isInOrder(seen, comparison, value);
  }
}
