import type { CallResult, Counts, Reply, Summary } from '../reply/reply.ts';
import type { Amount, Claim, Edge, Expectation } from './expectation.ts';
import { compares, countsOf, factOf, inOrder } from './facts.ts';
import { Latencies } from './latencies.ts';

/** What became of an expectation. */
export interface Verdict {
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

/** Holds one expectation against any number of answers. It keeps counts and times, not answers. */
export class Check {
  private readonly expectation: Expectation;
  /** By value, of the calls that told it. */
  private readonly counts = new Map<string, number>();
  private readonly latencies = new Latencies();
  private readonly called = new Set<string>();
  /** Calls of the edge there were. */
  private total = 0;
  /** Of them, those that told what is claimed about: nobody's version can be known. */
  private told = 0;
  /** Why there may have been more calls of the edge than were seen. */
  private hidden: string | undefined;

  constructor(expectation: Expectation) {
    this.expectation = expectation;
  }

  /** Looks at one answer: the call that was made to get it, with all that is below. */
  observe(root: CallResult): void {
    const { edge } = this.expectation;
    if (edge.kind === 'root') {
      this.add(root);
      return;
    }
    // The request itself is a call to the first service, by whoever sends it.
    if (edge.from === undefined && root.reply?.service === edge.to) this.add(root);
    this.walk(root.reply, 'root', edge, (call) => this.add(call));
  }

  /**
   * Visits every call of the edge below a reply.
   *
   * @param host by which the caller was called
   */
  private walk(reply: Reply | undefined, host: string, edge: CallsEdge, visit: (call: CallResult) => void): void {
    const { calls = [], prunedCalls = 0, service = '' } = reply ?? {};
    if (prunedCalls > 0)
      this.hidden = `${prunedCalls} calls were left out of the answer, to fit into gRPC's status; call over HTTP`;
    const isFrom = edge.from === undefined || isNamed(host, edge.from) || service === edge.from;
    for (const call of calls) {
      const target = call.target.replace(/:\d+$/, '');
      this.called.add(target);
      if (isFrom && (isNamed(target, edge.to) || answererOf(call) === edge.to)) visit(call);
      this.walk(call.reply, target, edge, visit);
      if (call.summary !== undefined) this.walkSamples(call.summary, target, edge);
    }
  }

  /** Samples say whom a repeated call leads to, not how often. Without the first of them, not even that. */
  private walkSamples({ samples = [] }: Summary, target: string, edge: CallsEdge): void {
    if (!samples.some(({ is }) => is.includes('first'))) this.hide();
    for (const { call } of samples) this.walk(call.reply, target, edge, () => this.hide());
  }

  private hide(): void {
    this.hidden = 'below a repeated call (*N) there are samples only; use --repeat';
  }

  private add(call: CallResult): void {
    const { claim } = this.expectation;
    const { summary, answeredBy } = call;
    const count = summary?.count ?? 1;
    this.total += count;
    switch (claim.kind) {
      case 'calls':
        return;
      case 'latency':
        if (summary !== undefined) this.latencies.addSummary(summary);
        else if (answeredBy !== 'nobody') this.latencies.add(call.durationMs ?? 0);
        return;
      case 'each':
      case 'share':
        if (summary === undefined) this.addCounts(singleCount(factOf(call, claim.fact)));
        else if (countsOf(summary, claim.fact) === undefined)
          this.hidden = `a repeated call (*N) does not count the ${claim.fact}; use --repeat`;
        else this.addCounts(countsOf(summary, claim.fact));
    }
  }

  private addCounts(counts: Counts = {}): void {
    for (const [value, count] of Object.entries(counts)) {
      this.counts.set(value, (this.counts.get(value) ?? 0) + count);
      this.told += count;
    }
  }

  /** What became of the expectation, by the answers so far. */
  verdict(): Verdict {
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
    // What was not seen may differ: only one counterexample is enough.
    const unless = (holds: boolean): boolean | undefined => (this.hidden === undefined ? holds : undefined);
    switch (claim.kind) {
      case 'calls':
        return {
          holds: unless(satisfies(this.total, claim.amount)),
          seen: this.total === 0 ? this.notCalled() : countOf(this.total),
        };
      case 'latency':
        return this.judgeLatency(claim, unless);
      case 'each': {
        if (this.told === 0) return this.nothing();
        const holds = [...this.counts.keys()].every((value) =>
          compares(claim.fact, value, claim.comparison, claim.value),
        );
        return { holds: holds ? unless(holds) : holds, seen: this.seenCounts() };
      }
      case 'share': {
        if (this.told === 0) return this.nothing();
        const hits = [...this.counts]
          .filter(([value]) => compares(claim.fact, value, '=', claim.value))
          .reduce((sum, [, count]) => sum + count, 0);
        const amount = claim.amount.unit === 'percent' ? (100 * hits) / this.told : hits;
        return { holds: unless(satisfies(amount, claim.amount)), seen: this.seenCounts() };
      }
    }
  }

  private judgeLatency(
    { statistic, amount }: Extract<Claim, { kind: 'latency' }>,
    unless: (holds: boolean) => boolean | undefined,
  ): Judgement {
    const { count } = this.latencies;
    if (count === 0) return this.nothing();
    const valueMs = this.latencies.statistic(statistic);
    if (valueMs === undefined)
      return { holds: undefined, seen: `percentiles of several repeated calls (*N), which cannot be joined` };
    return { holds: unless(satisfies(valueMs, amount)), seen: `${statistic} ${valueMs} ms of ${countOf(count)}` };
  }

  private seenCounts(): string {
    const entries = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const shares = entries.map(
      ([value, count]) => `${value} ×${count} (${Number(((100 * count) / this.told).toFixed(1))}%)`,
    );
    const untold = this.total - this.told;
    return shares.join(', ') + (untold > 0 ? `; ${untold} of ${this.total} calls did not tell` : '');
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

function countOf(calls: number): string {
  return calls === 1 ? '1 call' : `${calls} calls`;
}

/** The service that answered, by its own word. */
function answererOf({ reply, summary }: CallResult): string | undefined {
  return reply?.service ?? summary?.samples?.find(({ call }) => call.reply !== undefined)?.call.reply?.service;
}

type CallsEdge = Extract<Edge, { kind: 'calls' }>;

/** A name may be written short: `reviews` is `reviews.default.svc.cluster.local` too. */
function isNamed(host: string, name: string): boolean {
  return host === name || host.startsWith(`${name}.`);
}

function singleCount(value: string | undefined): Counts {
  return value === undefined ? {} : { [value]: 1 };
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
      return inOrder(seen, comparison, value);
  }
}
