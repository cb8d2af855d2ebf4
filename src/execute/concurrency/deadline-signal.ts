import type { CallError } from '../../reply/reply.ts';
import { abortReason } from './abort-reason.ts';

/** Signal that is aborted with its parent, or after a timeout. Its reason is a `CallError`. */
export interface DeadlineSignal {
  readonly signal: AbortSignal;
  /** Time of the timeout, on the clock of `performance.now()`. */
  readonly deadlineAt: number;
  /**
   * Reason for which no work may begin any more, if there is one. It is known before the signal is aborted: a process that is
   * late would begin, and end at once, all the work of the turn in which its timer could not run yet.
   */
  readonly reason: CallError | undefined;
  /** Stops the timer. Call it when the work is done. */
  dispose(): void;
}

/**
 * Creates a signal that is aborted with its parent, or after a timeout.
 *
 * The event loop runs timers before it reads sockets. In a process that was late, an answer that has arrived in time is
 * still unread when the timer runs, so the signal is aborted one turn later.
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
  const deadlineAt = performance.now() + timeoutMs;
  const controller = new AbortController();
  const abort = (): void => controller.abort(onParent());
  let turn: NodeJS.Immediate | undefined;
  const timer = setTimeout(
    () => {
      turn = setImmediate(() => controller.abort(onTimeout()));
    },
    Math.max(0, timeoutMs),
  );
  parent.addEventListener('abort', abort, { once: true });
  if (parent.aborted) abort();
  return {
    signal: controller.signal,
    deadlineAt,
    get reason() {
      if (controller.signal.aborted) return abortReason(controller.signal);
      return performance.now() < deadlineAt ? undefined : onTimeout();
    },
    dispose() {
      clearTimeout(timer);
      if (turn !== undefined) clearImmediate(turn);
      parent.removeEventListener('abort', abort);
    },
  };
}
