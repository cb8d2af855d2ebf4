import type { CallError } from '../../reply/reply.ts';

/** Signal that is aborted with its parent, or when a time has passed. Its reason is a `CallError`. */
export interface DeadlineSignal {
  readonly signal: AbortSignal;
  /** Stops the clock. Call it when the work that the signal bounds has ended. */
  dispose(): void;
}

/**
 * Makes a signal that is aborted with its parent, or after a timeout.
 *
 * @param timeoutMs in milliseconds
 * @param onParent returns the reason if the parent is aborted
 * @param onTimeout returns the reason if the time has passed
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
    dispose() {
      clearTimeout(timer);
      parent.removeEventListener('abort', abort);
    },
  };
}
