import { type CallError, callErrorCodes } from '../../reply/reply.ts';

/**
 * Returns the reason for which a signal was aborted, as the error of a call. Aborts of our own have a `CallError` as
 * their reason; any other abort, such as one without a reason, counts as canceled.
 */
export function abortReason(signal: AbortSignal): CallError {
  const reason: unknown = signal.reason;
  return isCallError(reason) ? reason : { code: 'canceled', message: 'the call was canceled' };
}

function isCallError(value: unknown): value is CallError {
  if (typeof value !== 'object' || value === null) return false;
  const { code, message } = value as Partial<Record<keyof CallError, unknown>>;
  return typeof message === 'string' && callErrorCodes.some((known) => known === code);
}
