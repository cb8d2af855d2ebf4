import type { CallResult, Counts, Reply } from '../reply/reply.ts';
import type { Amount, Claim, Edge, Expectation } from './expectation.ts';
import { compares, countsOf, factOf, inOrder, noValue } from './facts.ts';
import { Latencies } from './latencies.ts';

/** What became of an expectation. */
export interface Verdict {
  readonly expectation: string;
  readonly passed: boolean;
  /** For a person to read: what was seen instead or as well. */
  readonly seen: string;
}

/** The value of calls that were only counted, by something else. */
const untold = '(not counted)';

/** Holds one expectation against any number of answers. It keeps counts and times, not answers. */
export class Check {
  private readonly expectation: Expectation;
  private readonly counts = new Map<string, number>();
  private readonly latencies = new Latencies();
  private readonly called = new Set<string>();
  private readonly repeated = new Set<string>();
  private total = 0;

  constructor(expectation: Expectation) {
    this.expectation = expectation;
  }

  /** Looks at one answer: the call that was made to get it, with all that is below. */
  observe(root: CallResult): void {
    if (this.expectation.edge.kind === 'root') this.add(root);
    else this.walk(root, this.expectation.edge);
  }

  private walk({ reply, summary }: CallResult, edge: Extract<Edge, { kind: 'calls' }>): void {
    if (summary !== undefined) {
      for (const sample of summary.samples ?? []) namesBelow(sample.call.reply, this.repeated);
    }
    for (const call of reply?.calls ?? []) {
      const host = hostOf(call);
      this.called.add(host);
      const isMeant = isNamed(host, edge.to) || answererOf(call) === edge.to;
      if (isMeant && (edge.from === undefined || edge.from === reply?.service)) this.add(call);
      this.walk(call, edge);
    }
  }

  private add(call: CallResult): void {
    const { claim } = this.expectation;
    const { summary } = call;
    this.total += summary?.count ?? 1;
    if (claim.kind === 'latency') {
      if (summary === undefined) this.latencies.add(call.durationMs ?? 0);
      else this.latencies.addSummary(summary);
    }
    if (claim.kind !== 'each' && claim.kind !== 'share') return;
    if (summary === undefined) this.count(factOf(call, claim.fact), 1);
    else this.addCounts(countsOf(call, claim.fact), summary.count);
  }

  private addCounts(counts: Counts | undefined, total: number): void {
    let left = total;
    for (const [value, count] of Object.entries(counts ?? {})) {
      this.count(value, count);
      left -= count;
    }
    if (left > 0) this.count(counts === undefined ? untold : noValue, left);
  }

  private count(value: string, count: number): void {
    this.counts.set(value, (this.counts.get(value) ?? 0) + count);
  }

  /** What became of the expectation, by the answers so far. */
  verdict(): Verdict {
    const { text, isNegated, claim } = this.expectation;
    const { holds, seen } = this.judge(claim);
    return { expectation: text, passed: holds === undefined ? false : holds !== isNegated, seen };
  }

  /** `holds` is undefined when nothing was seen that could tell: then neither the expectation nor its negation passes. */
  private judge(claim: Claim): { holds: boolean | undefined; seen: string } {
    if (claim.kind === 'calls') return { holds: satisfies(this.total, claim.amount), seen: `${this.total} calls` };
    if (this.total === 0) return { holds: undefined, seen: this.nothing() };
    if (claim.kind === 'latency') {
      const valueMs = this.latencies.statistic(claim.statistic);
      const seen =
        valueMs === undefined
          ? 'several repeated calls (*N), whose percentiles cannot be joined'
          : `${claim.statistic} ${valueMs} ms of ${this.total} calls`;
      return { holds: valueMs === undefined ? undefined : satisfies(valueMs, claim.amount), seen };
    }
    const seen = this.seenCounts();
    if (this.counts.has(untold))
      return { holds: undefined, seen: `${seen}: a repeated call (*N) does not count the ${claim.fact}; use --repeat` };
    const entries = [...this.counts];
    if (claim.kind === 'each')
      return { holds: entries.every(([value]) => compares(claim.fact, value, claim.comparison, claim.value)), seen };
    const hits = entries
      .filter(([value]) => compares(claim.fact, value, '=', claim.value))
      .reduce((sum, [, count]) => sum + count, 0);
    return { holds: satisfies(claim.amount.unit === 'percent' ? (100 * hits) / this.total : hits, claim.amount), seen };
  }

  private seenCounts(): string {
    const entries = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return entries
      .map(([value, count]) => `${value} ×${count} (${Number(((100 * count) / this.total).toFixed(1))}%)`)
      .join(', ');
  }

  private nothing(): string {
    const { edge } = this.expectation;
    if (edge.kind === 'root') return 'no answer';
    const meant = edge.from === undefined ? edge.to : `${edge.to} from ${edge.from}`;
    if (this.repeated.has(edge.to))
      return `no call to ${meant} that was kept: below a repeated call (*N) there are samples only; use --repeat`;
    return `no call to ${meant}; called were ${this.called.size === 0 ? 'none' : [...this.called].join(', ')}`;
  }
}

/** The service that answered a call, by its own word. */
function answererOf({ reply }: CallResult): string | undefined {
  return reply?.service;
}

function hostOf({ target }: CallResult): string {
  return target.replace(/:\d+$/, '');
}

/** A name may be written short: `reviews` is `reviews.default.svc.cluster.local` too. */
function isNamed(host: string, name: string): boolean {
  return host === name || host.startsWith(`${name}.`);
}

function namesBelow(reply: Reply | undefined, names: Set<string>): void {
  for (const call of reply?.calls ?? []) {
    names.add(hostOf(call));
    namesBelow(call.reply, names);
  }
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
