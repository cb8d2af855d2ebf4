import { MeshmockError } from '../error/meshmock-error.ts';
import type { PlanLimits } from '../plan/plan.ts';
import type { Headers } from '../reply/mesh-headers.ts';

/** Headers that carry what is left of a cascade's limits from hop to hop. A client sets them to lower the limits. */
export const allowanceHeaders = {
  deadlineMs: 'x-meshmock-deadline-ms',
  calls: 'x-meshmock-calls',
  depth: 'x-meshmock-depth',
} as const;

/** What one request may still take: never more than the service allows, nor than its caller had left. */
export interface Allowance extends PlanLimits {
  /** On the clock of `performance.now()`. */
  readonly deadlineAt: number;
}

/**
 * Reads what the caller leaves of its limits.
 *
 * @param timeoutMs what the protocol itself says of the deadline, if anything
 * @param now when the request arrived, on the clock of `performance.now()`
 * @throws MeshmockError `invalid_header`
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

/** Whether a request comes from outside the cascade: no meshmock called it. */
export function isEntry(headers: Readonly<Record<string, unknown>>): boolean {
  return headers[allowanceHeaders.depth] === undefined && headers[allowanceHeaders.calls] === undefined;
}

function readNumber(headers: Headers, name: string): number {
  const text = headers[name];
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!/^\d{1,9}(?:\.\d{1,3})?$/.test(text)) {
    throw new MeshmockError('invalid_header', `${name}: expected a number, found "${text.slice(0, 40)}"`);
  }
  return Number(text);
}

const longestMarginMs = 50;
const usualMarginMs = 20;
const marginShare = 0.05;
/** Of a time so short that the usual margin would take most of it. */
const largestMarginShare = 0.25;

/**
 * What the callee of a call gets of the time that its caller waits: less a margin for the way back,
 * so that of two that run out of time the inner one says so and its answer still arrives.
 */
export function calleeTimeoutMs(waitMs: number): number {
  const marginMs = Math.min(
    longestMarginMs,
    Math.max(usualMarginMs, waitMs * marginShare),
    waitMs * largestMarginShare,
  );
  return Math.max(0, waitMs - marginMs);
}
