import { MeshmockError } from '../../error/meshmock-error.ts';
import { formatDurationMs } from '../../plan/quantity.ts';

/** Returns the error of requests that an overloaded service refuses before it reads them. */
export function overloadError(maxQueueMs: number): MeshmockError {
  const cause = 'the service is overloaded: more requests arrive than it can answer';
  return new MeshmockError('overloaded', `${cause}; ${overloadAdvice} (${formatDurationMs(maxQueueMs)})`);
}

/** Advice for callers and operators of an overloaded service. */
export const overloadAdvice = 'send fewer at once, run more pods, or raise --max-queue-time';
