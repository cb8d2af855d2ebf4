import { MeshmockError } from '../error/meshmock-error.ts';
import type { PlanLimits } from '../plan/plan.ts';
import type { Headers } from '../reply/mesh-headers.ts';

/** Headers that carry the remaining limits of a cascade from hop to hop. A client may send them to lower the limits. */
export const allowanceHeaders = {
  deadlineMs: 'x-meshmock-deadline-ms',
  calls: 'x-meshmock-calls',
  depth: 'x-meshmock-depth',
} as const;

/** Remaining limits of one request: the lower of what the service allows and what its caller had left. */
export interface Allowance extends PlanLimits {
  /** Time of the deadline, on the clock of `performance.now()`. */
  readonly deadlineAt: number;
}

/**
 * Reads the remaining limits of a request from its headers.
 *
 * @example
 * readAllowance({ 'x-meshmock-calls': '5' }, defaultPlanLimits, undefined, performance.now()).maxCalls; // 5
 *
 * @param timeoutMs timeout that the protocol itself carries, in milliseconds
 * @param now time of arrival, on the clock of `performance.now()`
 * @throws MeshmockError `invalid_header` that names the header
 */
export function readAllowance(
  headers: Headers,
  limits: PlanLimits,
  timeoutMs: number | undefined,
  now: number,
): Allowance {
  const deadlineMs = Math.min(
    limits.deadlineMs,
    readNumber(headers, allowanceHeaders.deadlineMs),
    timeoutMs ?? Number.POSITIVE_INFINITY,
  );
  return {
    ...limits,
    deadlineAt: now + deadlineMs,
    maxCalls: Math.min(limits.maxCalls, readNumber(headers, allowanceHeaders.calls)),
    maxDepth: Math.min(limits.maxDepth, readNumber(headers, allowanceHeaders.depth)),
  };
}

/** Reports whether a request enters the cascade here, because no meshmock sent it. */
export function isEntry(headers: Readonly<Record<string, unknown>>): boolean {
  return headers[allowanceHeaders.depth] === undefined && headers[allowanceHeaders.calls] === undefined;
}

function readNumber(headers: Headers, name: string): number {
  const text = headers[name];
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!/^\d{1,9}(?:\.\d{1,3})?$/.test(text)) {
    throw new MeshmockError(
      'invalid_header',
      `header ${name}: expected a number such as 250 or 99.5, found "${text.slice(0, 40)}"`,
    );
  }
  return Number(text);
}

const maxMarginMs = 50;
const minMarginMs = 20;
const usualShareOfWait = 0.05;
/** Maximum share, so that a short wait is not mostly margin. */
const maxShareOfWait = 0.25;

/**
 * Returns the timeout of a callee, in milliseconds: the time that its caller waits, minus a margin. So the deadline of
 * the callee passes first, and its answer has time to arrive.
 */
export function calleeTimeoutMs(waitMs: number): number {
  const marginMs = Math.min(maxMarginMs, Math.max(minMarginMs, waitMs * usualShareOfWait), waitMs * maxShareOfWait);
  return Math.max(0, waitMs - marginMs);
}
