import type { CallError } from '../../reply/reply.ts';

/** A signal that is aborted when its parent is, or after a time; the reason is a `CallError`. */
export interface DeadlineSignal {
  readonly signal: AbortSignal;
  /** To be called when what the signal was for has ended. */
  dispose(): void;
}

/** Makes a signal below another one. `onParent` says why it ends with its parent, `onTimeout` why with the time. */
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
