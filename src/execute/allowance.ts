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
    throw new MeshmockError('invalid_header', `${name}: expected a number, found "${text.slice(0, 40)}"`);
  }
  return Number(text);
}

const maxMarginMs = 50;
const usualMarginMs = 20;
const marginShare = 0.05;
/** Share of a time that is so short that the usual margin would take most of it. */
const maxMarginShare = 0.25;

/**
 * Returns the timeout of a callee, in milliseconds: the time that its caller waits, less a margin for the way back. So the
 * inner of two deadlines passes first, and its answer still arrives.
 */
export function calleeTimeoutMs(waitMs: number): number {
  const marginMs = Math.min(maxMarginMs, Math.max(usualMarginMs, waitMs * marginShare), waitMs * maxMarginShare);
  return Math.max(0, waitMs - marginMs);
}
