import { setTimeout } from 'node:timers/promises';

/** Times of the parts of an answer. */
export interface PaceTimes {
  /** Time between two parts, in milliseconds. */
  readonly intervalMs: number;
  /** Time at which the last part must be sent, on the clock of `performance.now()`. */
  readonly deadlineAt: number;
}

/** Pace of an answer that is sent in parts: the first one at once, the others one in each interval. */
export class Pace {
  private readonly times: PaceTimes;
  private readonly signal: AbortSignal;
  private nextAt = performance.now();

  constructor(times: PaceTimes, signal: AbortSignal) {
    this.times = times;
    this.signal = signal;
  }

  /**
   * Waits for the time of the next part, and at most until the deadline. Returns false if that passes before.
   *
   * @throws AbortError if the signal is aborted
   */
  async next(): Promise<boolean> {
    const { intervalMs, deadlineAt } = this.times;
    const waitMs = Math.min(this.nextAt, deadlineAt) - performance.now();
    if (waitMs > 0) await setTimeout(Math.ceil(waitMs), undefined, { signal: this.signal });
    if (this.nextAt > deadlineAt) return false;
    // From now, so that parts which are late do not arrive together.
    this.nextAt = performance.now() + intervalMs;
    return true;
  }
}
