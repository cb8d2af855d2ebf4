import { type CallResult, type Counts, otherValues, type Summary } from '../reply/reply.ts';
import type { Finding } from './finding.ts';
import { attemptOf, isGrpc as isGrpcSpan, type Span } from './span.ts';
import { comparableOutcome, spanOutcome } from './span-outcome.ts';

/** Calls of one service to one target in one stage, of some of which only counts or outcomes are shown. */
export interface PooledCalls {
  readonly host: string;
  readonly isGrpc: boolean;
  /** Whether a CLIENT span is of such a call. */
  matches(span: Span): boolean;
  /** The spans of calls that are shown whole, by their ids. */
  readonly plain: ReadonlySet<string>;
  /** The attempts before the last, of calls that were tried again. */
  readonly attempts: readonly Attempt[];
  /** The calls that were made many times. */
  readonly summaries: readonly Summary[];
}

interface Attempt {
  /** From 1. */
  readonly attempt: number;
  readonly outcome: string;
}

type PoolFinding = Omit<Finding, 'where'>;

/** The pools of a service's calls: there are none where every call is made once. */
export function poolsOf(calls: readonly CallResult[]): PooledCalls[] {
  const keyOf = ({ target, stage = 0, scheme }: CallResult): string =>
    `${stage} ${scheme.startsWith('grpc')} ${target}`;
  return [...Map.groupBy(calls, keyOf).values()]
    .filter((group) => group.some(({ summary, attempts }) => summary !== undefined || attempts !== undefined))
    .map(poolOf);
}

function poolOf(group: readonly CallResult[]): PooledCalls {
  const [{ target, stage = 0, scheme }] = group as readonly [CallResult];
  const isGrpc = scheme.startsWith('grpc');
  return {
    host: target.replace(/:\d+$/, ''),
    isGrpc,
    matches: (span) =>
      span.kind === 'client' &&
      span.attributes['meshmock.target'] === target &&
      Number(span.attributes['meshmock.stage'] ?? 0) === stage &&
      isGrpcSpan(span) === isGrpc,
    plain: new Set(group.flatMap(({ spanId }) => spanId ?? [])),
    attempts: group.flatMap(({ attempts = [] }) =>
      attempts.slice(0, -1).map((outcome, index) => ({ attempt: index + 1, outcome })),
    ),
    summaries: group.flatMap(({ summary }) => summary ?? []),
  };
}

/**
 * Holds the CLIENT spans of a pool against what is known of its calls.
 *
 * @param candidates the spans that are of no call that is shown whole
 * @param hasProxies whether proxies may have tried too: then a callee's count of attempts is not the caller's
 */
export function checkPool(pool: PooledCalls, candidates: readonly Span[], hasProxies: boolean): PoolFinding[] {
  const findings: PoolFinding[] = [];
  const rest = new Set(candidates);
  for (const attempt of pool.attempts) findings.push(...takeAttempt(attempt, rest, pool.isGrpc));
  if (pool.summaries.length > 0) return [...findings, ...checkCounts(pool, [...rest], hasProxies)];
  const surplus = [...rest].map(({ spanId }) => ({
    kind: 'doubled' as const,
    message: 'more CLIENT spans than attempts',
    spanId,
  }));
  return [...findings, ...surplus];
}

/** Finds the span of one attempt, and takes it away. */
function takeAttempt({ attempt, outcome }: Attempt, rest: Set<Span>, isGrpc: boolean): PoolFinding[] {
  const sameAttempt = [...rest].filter((span) => attemptOf(span) === attempt);
  const expected = comparableOutcome(outcome, isGrpc);
  const [first] = sameAttempt;
  if (first === undefined) return [{ kind: 'missing', message: `the CLIENT span of attempt ${attempt} is missing` }];
  const fitting = sameAttempt.find((span) => comparableOutcome(spanOutcome(span).outcome, isGrpc) === expected);
  rest.delete(fitting ?? first);
  if (fitting !== undefined) return [];
  const seen = spanOutcome(first).outcome;
  const message = `the CLIENT span of attempt ${attempt} says ${seen}; it came to ${outcome}`;
  return [{ kind: 'wrong_status', message, spanId: first.spanId, expected: outcome, seen }];
}

function checkCounts({ summaries, isGrpc }: PooledCalls, spans: readonly Span[], hasProxies: boolean): PoolFinding[] {
  const calls = sumOf(summaries.map(({ count }) => count));
  const firsts = spans.filter((span) => attemptOf(span) === 1).length;
  if (firsts !== calls) return [countFinding('calls', calls, firsts)];
  const attempts = sumOf(summaries.map(({ byAttempt = {} }) => attemptsOf(byAttempt)));
  // A proxy's attempts are counted by the callee too: then it is a bound, which attempts of ours cannot exceed.
  if (spans.length !== attempts && !(hasProxies && spans.length < attempts))
    return [countFinding('attempts', attempts, spans.length)];
  if (spans.length > firsts) return [];
  const outcomes = Counter.of(spans.map((span) => comparableOutcome(spanOutcome(span).outcome, isGrpc)));
  const expected = new Counter();
  for (const { byStatus = {} } of summaries) {
    if (otherValues in byStatus) return [];
    for (const [status, count] of Object.entries(byStatus)) expected.add(comparableOutcome(status, isGrpc), count);
  }
  if (outcomes.text() === expected.text()) return [];
  const message = `the CLIENT spans say ${outcomes.text()}; the calls came to ${expected.text()}`;
  return [{ kind: 'wrong_status', message, expected: expected.text(), seen: outcomes.text() }];
}

function countFinding(what: string, expected: number, seen: number): PoolFinding {
  return {
    kind: seen < expected ? 'missing' : 'doubled',
    message: `${seen} CLIENT spans of ${expected} ${what}`,
    expected: String(expected),
    seen: String(seen),
  };
}

/** How many attempts there were in all, if each call's last one is counted in its place. */
function attemptsOf(byAttempt: Counts): number {
  return sumOf(Object.entries(byAttempt).map(([attempt, count]) => Number(attempt) * count));
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

class Counter {
  private readonly counts = new Map<string, number>();

  static of(values: readonly string[]): Counter {
    const counter = new Counter();
    for (const value of values) counter.add(value, 1);
    return counter;
  }

  add(value: string, count: number): void {
    this.counts.set(value, (this.counts.get(value) ?? 0) + count);
  }

  text(): string {
    const entries = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return entries.map(([value, count]) => `${value} ×${count}`).join(', ');
  }
}
