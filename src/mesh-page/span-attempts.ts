import { isMirrored, isProxy } from '../trace/proxy-spans.ts';
import { attemptOf, isMeshmockSpan, type Span } from '../trace/span.ts';
import type { SpanTree } from '../trace/span-tree.ts';

/** Place of a span among the attempts of one request. */
export interface SpanAttempt {
  /** Number of the attempt, from 1. */
  readonly attempt: number;
  /** Number of attempts with spans; absent if spans do not show which ones belong together. */
  readonly attempts?: number;
}

/**
 * Returns the attempts of requests that were sent several times, by the ids of their spans. A proxy that retries has one span,
 * and each of its attempts is a span below it. A meshmock that retries has a span for each attempt.
 */
export function attemptsOf(tree: SpanTree): ReadonlyMap<string, SpanAttempt> {
  const found = new Map<string, SpanAttempt>();
  for (const parent of tree.spans) {
    const children = tree.childrenOf(parent.spanId);
    const all = isProxy(parent) ? attemptsOfProxy(children) : attemptsOfService(children);
    for (const [span, attempt] of all) found.set(span.spanId, attempt);
  }
  return found;
}

type Attempts = readonly (readonly [Span, SpanAttempt])[];

/**
 * A mirrored request is below the same span, and is not an attempt. A gateway has spans of its own, not only for its attempts:
 * the one for the question to an external authorizer has another name.
 */
function attemptsOfProxy(children: readonly Span[]): Attempts {
  const hops = children.filter((span) => (isProxy(span) || isMeshmockSpan(span)) && !isMirrored(span));
  const byCallee = [...Map.groupBy(hops, ({ service, kind, name }) => `${kind} ${service} ${name}`).values()];
  return byCallee.filter(({ length }) => length > 1).flatMap(numbered);
}

function numbered(spans: readonly Span[]): Attempts {
  const sorted = spans.toSorted((one, other) => one.startMs - other.startMs);
  return sorted.map((span, index) => [span, { attempt: index + 1, attempts: sorted.length }]);
}

function attemptsOfService(children: readonly Span[]): Attempts {
  const calls = children.filter((span) => isMeshmockSpan(span) && span.kind === 'client');
  const byTarget = [
    ...Map.groupBy(calls, ({ attributes }) => `${attributes['meshmock.stage']} ${attributes['meshmock.target']}`),
  ];
  return byTarget.flatMap(([, spans]): Attempts => {
    const repeated = spans.filter((span) => attemptOf(span) > 1);
    if (repeated.length === 0) return [];
    // Calls to one target at the same time have attempts of their own.
    const isOneCall = repeated.length === spans.length - 1;
    if (isOneCall) return spans.map((span) => [span, { attempt: attemptOf(span), attempts: spans.length }]);
    return repeated.map((span) => [span, { attempt: attemptOf(span) }]);
  });
}
