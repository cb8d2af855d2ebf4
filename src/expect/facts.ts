import type { CallResult, Counts } from '../reply/reply.ts';
import { outcomeOf } from '../reply/status.ts';
import type { Comparison, Fact } from './expectation.ts';

/** The value of calls that have none, such as the version of whom nobody reached. */
export const noValue = '(none)';

/** What a call shows of a fact. */
export function factOf(call: CallResult, fact: Fact): string {
  const { reply, attempts = [''], answeredBy } = call;
  switch (fact) {
    case 'status':
      return outcomeOf(call);
    case 'version':
    case 'pod':
      return reply?.[fact] ?? noValue;
    case 'attempt':
      return String(reply?.mesh?.attempt ?? attempts.length);
    case 'answered-by':
      return answeredBy;
    case 'mtls':
      return reply === undefined ? noValue : reply.mesh?.peerIdentity === undefined ? 'no' : 'yes';
    case 'peer':
      return reply?.mesh?.peerIdentity ?? noValue;
  }
}

/** What a repeated call has counted of a fact; undefined when it has not. */
export function countsOf({ summary }: CallResult, fact: Fact): Counts | undefined {
  switch (fact) {
    case 'status':
      return summary?.byStatus ?? {};
    case 'version':
      return summary?.byVersion ?? {};
    case 'pod':
      return summary?.byPod ?? {};
    case 'attempt':
      return summary?.byAttempt ?? {};
    case 'answered-by':
      return summary?.byAnswer ?? {};
    case 'mtls':
    case 'peer':
      return undefined;
  }
}

/** Whether what was seen of a fact compares so with a value. */
export function compares(fact: Fact, seen: string, comparison: Comparison, value: string): boolean {
  switch (comparison) {
    case '=':
      return equals(fact, seen, value);
    case '!=':
      return !equals(fact, seen, value);
    default:
      return inOrder(Number(seen), comparison, Number(value));
  }
}

function equals(fact: Fact, seen: string, value: string): boolean {
  if (fact === 'pod') return seen.startsWith(value);
  // An identity may be written by its account alone.
  if (fact === 'peer') return seen === value || seen.split('/').at(-1) === value;
  return seen === value;
}

/** Whether one number stands so to another. */
export function inOrder(seen: number, comparison: '<' | '<=' | '>' | '>=', value: number): boolean {
  switch (comparison) {
    case '<':
      return seen < value;
    case '<=':
      return seen <= value;
    case '>':
      return seen > value;
    case '>=':
      return seen >= value;
  }
}
