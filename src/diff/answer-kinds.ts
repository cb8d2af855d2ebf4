import type { ObservedAnswer, Outcome } from './observation.ts';

/** Reports whether an answer came from a workload. */
export function isReached({ kind }: ObservedAnswer): boolean {
  return kind === 'service' || kind === 'foreign';
}

/** Reports whether an answer says that the request was refused, or did not arrive. */
export function isRefused({ kind }: ObservedAnswer): boolean {
  return kind === 'refused' || kind === 'none';
}

/** Reports whether a request failed before its callee. No mock has made an error without its signature. */
export function isFailed({ answer, status = 0 }: Pick<Outcome, 'answer' | 'status'>): boolean {
  return isRefused(answer) || (answer.kind === 'foreign' && status >= 400);
}

/** Reports whether an answer is an injected fault. */
export function isFault(answer: ObservedAnswer): boolean {
  return answer.kind === 'refused' && answer.reason === 'fault';
}
