import type { TextSource } from '../expect/parse-source.ts';
import { type TextFact, textOf } from '../expect/text-facts.ts';
import { visitCalls } from '../expect/visit-calls.ts';
import type { Plan } from '../plan/plan.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import { headerValue } from '../reply/mesh-headers.ts';
import type { CallResult } from '../reply/reply.ts';

/** Value of an answer that later requests of a case use as `${name}`. */
export interface Capture {
  readonly name: string;
  readonly source: TextSource;
}

/** Answer from which values are captured. */
export interface CapturedAnswer {
  readonly call: CallResult;
  /** Plan of the service that received the request. */
  readonly plan: Plan;
  /** All headers of the answer, with those that replies do not show; undefined if the answer came through a mock. */
  readonly headers: Headers | undefined;
}

/**
 * Returns the value of an answer, or undefined if the answer does not show it.
 *
 * @example
 * captureFrom({ name: 'cookie', source: parseTextSource('answer-header set-cookie') }, answer); // 'route=a1'
 */
export function captureFrom({ source: { edge, fact } }: Capture, answer: CapturedAnswer): string | undefined {
  if (edge.kind === 'root') return rootValue(fact, answer);
  let value: string | undefined;
  visitCalls(answer.call, answer.plan, edge, {
    onCall: ({ isOfEdge, call }) => {
      if (isOfEdge) value ??= shown(call, fact);
    },
    onHidden: () => {},
    onFirst: (call) => {
      value ??= shown(call, fact);
    },
  });
  return value;
}

function rootValue(fact: TextFact, { call, headers }: CapturedAnswer): string | undefined {
  const { kind, header = 'location' } = fact;
  if (headers === undefined || (kind !== 'answer-header' && kind !== 'location')) return shown(call, fact);
  const value = headerValue(headers, header);
  return header === 'set-cookie' && value !== undefined ? cookiesOf(value) : value;
}

function shown(call: CallResult, fact: TextFact): string | undefined {
  return textOf(call, fact, { kind: 'matches' }) ?? undefined;
}

/**
 * Returns the cookies of `set-cookie` as a client sends them back, without their attributes.
 *
 * @param value values of all `set-cookie` headers, joined by commas
 * @example
 * cookiesOf('a=1; Path=/; Expires=Sun, 06 Nov 1994 08:49:37 GMT, b=2'); // 'a=1; b=2'
 */
export function cookiesOf(value: string): string {
  // A comma is in the date of a cookie too. A new cookie begins with its name and `=`.
  return value
    .split(/,\s*(?=[!#$%&'*+.^_`|~0-9A-Za-z-]+=)/)
    .map((cookie) => cookie.replace(/;.*$/s, '').trim())
    .join('; ');
}
