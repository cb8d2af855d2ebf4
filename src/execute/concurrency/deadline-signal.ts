import type { CallError } from '../../reply/reply.ts';
import { abortReason } from './abort-reason.ts';

/**
 * Signal that is aborted with its parent, or after a timeout. Its reason is a `CallError`.
 *
 * The event loop runs timers before it reads sockets. In a process that was late, an answer that has arrived in time is
 * still unread when the timer runs, so the signal is aborted one turn later.
 *
 * It is a class because V8 keeps the getters of an object literal, and all that they refer to, until a full collection.
 */
export class DeadlineSignal {
  readonly signal: AbortSignal;
  /** Time of the timeout, on the clock of `performance.now()`. */
  readonly deadlineAt: number;
  private readonly controller = new AbortController();
  private readonly parent: AbortSignal;
  private readonly onParent: () => CallError;
  private readonly onTimeout: () => CallError;
  private readonly timer: NodeJS.Timeout;
  private turn: NodeJS.Immediate | undefined;

  /**
   * @param timeoutMs timeout, in milliseconds
   * @param onParent returns the reason if the parent is aborted
   * @param onTimeout returns the reason after the timeout
   */
  constructor(parent: AbortSignal, timeoutMs: number, onParent: () => CallError, onTimeout: () => CallError) {
    this.signal = this.controller.signal;
    this.deadlineAt = performance.now() + timeoutMs;
    this.parent = parent;
    this.onParent = onParent;
    this.onTimeout = onTimeout;
    this.timer = setTimeout(() => this.abortNextTurn(), Math.max(0, timeoutMs));
    parent.addEventListener('abort', this.abort, { once: true });
    if (parent.aborted) this.abort();
  }

  /**
   * Reason for which no work may begin any more, if there is one. It is known before the signal is aborted: a process that is
   * late would begin, and end at once, all the work of the turn in which its timer could not run yet.
   */
  get reason(): CallError | undefined {
    if (this.signal.aborted) return abortReason(this.signal);
    return performance.now() < this.deadlineAt ? undefined : this.onTimeout();
  }

  /** Stops the timer. Call it when the work is done. */
  dispose(): void {
    clearTimeout(this.timer);
    if (this.turn !== undefined) clearImmediate(this.turn);
    this.parent.removeEventListener('abort', this.abort);
  }

  private readonly abort = (): void => this.controller.abort(this.onParent());

  private abortNextTurn(): void {
    this.turn = setImmediate(() => this.controller.abort(this.onTimeout()));
  }
}
