import { type CallResult, type Counts, otherValues, type Summary } from '../reply/reply.ts';
import type { Finding } from './finding.ts';
import { attemptOf, isGrpc as isGrpcSpan, type Span } from './span.ts';
import { comparableOutcome, spanOutcome } from './span-outcome.ts';

/** Calls of one service to one target in one stage. The reply shows only counts or outcomes of some of them. */
export interface PooledCalls {
  readonly host: string;
  readonly isGrpc: boolean;
  /** Reports whether a CLIENT span may be of one of these calls. */
  matches(span: Span): boolean;
  /** Ids of the spans of the calls that the reply shows with all fields. */
  readonly shown: ReadonlySet<string>;
  /** Attempts of retried calls, without the last ones. */
  readonly attempts: readonly Attempt[];
  /** Summaries of the repeated calls. */
  readonly summaries: readonly Summary[];
}

interface Attempt {
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  readonly outcome: string;
}

type PoolFinding = Omit<Finding, 'where'>;

/** Returns the pools of a service's calls. A target whose calls are all made once needs none. */
export function poolsOf(calls: readonly CallResult[]): PooledCalls[] {
  const poolKey = ({ target, stage = 0, scheme }: CallResult): string =>
    `${stage} ${scheme.startsWith('grpc')} ${target}`;
  return [...Map.groupBy(calls, poolKey).values()]
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
    shown: new Set(group.flatMap(({ spanId }) => spanId ?? [])),
    attempts: group.flatMap(({ attempts = [] }) =>
      attempts.slice(0, -1).map((outcome, index) => ({ attempt: index + 1, outcome })),
    ),
    summaries: group.flatMap(({ summary }) => summary ?? []),
  };
}

/**
 * Checks the CLIENT spans of a pool against the counts and outcomes of its calls.
 *
 * @param candidates spans of the pool that do not belong to a call that the reply shows with all fields
 * @param hasProxies whether proxies may have retried: then the callee's number of attempts is not the caller's
 */
export function checkPool(pool: PooledCalls, candidates: readonly Span[], hasProxies: boolean): PoolFinding[] {
  const findings: PoolFinding[] = [];
  const rest = new Set(candidates);
  for (const attempt of pool.attempts) findings.push(...takeAttempt(attempt, rest, pool.isGrpc));
  if (pool.summaries.length > 0) return [...findings, ...checkCounts(pool, [...rest], hasProxies)];
  const unmatched = [...rest].map(({ spanId }) => ({
    kind: 'doubled' as const,
    message: 'more CLIENT spans than attempts',
    spanId,
  }));
  return [...findings, ...unmatched];
}

/** Finds the span of one attempt and removes it from the rest. */
function takeAttempt({ attempt, outcome }: Attempt, rest: Set<Span>, isGrpc: boolean): PoolFinding[] {
  const sameAttempt = [...rest].filter((span) => attemptOf(span) === attempt);
  const expected = comparableOutcome(outcome, isGrpc);
  const [first] = sameAttempt;
  if (first === undefined) return [{ kind: 'missing', message: `the CLIENT span of attempt ${attempt} is missing` }];
  const matching = sameAttempt.find((span) => comparableOutcome(spanOutcome(span).outcome, isGrpc) === expected);
  rest.delete(matching ?? first);
  if (matching !== undefined) return [];
  const seen = spanOutcome(first).outcome;
  const message = `the CLIENT span of attempt ${attempt} says ${seen}; the attempt ended with ${outcome}`;
  return [{ kind: 'wrong_status', message, spanId: first.spanId, expected: outcome, seen }];
}

function checkCounts({ summaries, isGrpc }: PooledCalls, spans: readonly Span[], hasProxies: boolean): PoolFinding[] {
  const calls = sumOf(summaries.map(({ count }) => count));
  const firsts = spans.filter((span) => attemptOf(span) === 1).length;
  if (firsts !== calls) return [countFinding('calls', calls, firsts)];
  const attempts = sumOf(summaries.map(({ byAttempt = {} }) => attemptsOf(byAttempt)));
  // The callee also counts a proxy's attempts. With proxies, its number is an upper bound of the caller's attempts.
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
  const message = `the CLIENT spans say ${outcomes.text()}; the calls ended with ${expected.text()}`;
  return [{ kind: 'wrong_status', message, expected: expected.text(), seen: outcomes.text() }];
}

function countFinding(noun: string, expected: number, seen: number): PoolFinding {
  return {
    kind: seen < expected ? 'missing' : 'doubled',
    message: `${seen} CLIENT spans for ${expected} ${noun}`,
    expected: String(expected),
    seen: String(seen),
  };
}

/** Returns the total number of attempts, from the counts of the calls by their last attempt. */
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
