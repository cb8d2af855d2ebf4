import type { CallError } from '../../reply/reply.ts';

/** Signal that is aborted with its parent, or after a timeout. Its reason is a `CallError`. */
export interface DeadlineSignal {
  readonly signal: AbortSignal;
  /** Time of the timeout, on the clock of `performance.now()`. */
  readonly deadlineAt: number;
  /** Stops the timer. Call it when the work is done. */
  dispose(): void;
}

/**
 * Creates a signal that is aborted with its parent, or after a timeout.
 *
 * @param timeoutMs timeout, in milliseconds
 * @param onParent returns the reason if the parent is aborted
 * @param onTimeout returns the reason after the timeout
 */
export function deadlineSignal(
  parent: AbortSignal,
  timeoutMs: number,
  onParent: () => CallError,
  onTimeout: () => CallError,
): DeadlineSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort(onParent());
  const timer = setTimeout(() => controller.abort(onTimeout()), Math.max(0, timeoutMs));
  parent.addEventListener('abort', abort, { once: true });
  if (parent.aborted) abort();
  return {
    signal: controller.signal,
    deadlineAt: performance.now() + timeoutMs,
    dispose() {
      clearTimeout(timer);
      parent.removeEventListener('abort', abort);
    },
  };
}
