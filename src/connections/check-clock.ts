import { checkIntervalMs } from './check-interval.ts';

/**
 * Clock of checks whether a client takes too long. It leaves out the time in which this process stood still, such as a
 * suspended laptop or a container without processor time: its clients could not do anything then either.
 */
export class CheckClock {
  private readonly intervalMs: number;
  private readonly timer: NodeJS.Timeout;
  private checkedAt = performance.now();
  private lostMs = 0;

  /**
   * @param timeoutMs shortest timeout of the checks, in milliseconds
   * @param check called in regular intervals, until the clock is stopped
   */
  constructor(timeoutMs: number, check: () => void) {
    this.intervalMs = checkIntervalMs(timeoutMs);
    this.timer = setInterval(() => {
      const now = performance.now();
      this.lostMs += Math.max(0, now - this.checkedAt - 2 * this.intervalMs);
      this.checkedAt = now;
      check();
    }, this.intervalMs).unref();
  }

  /** Returns the time of the clock, in milliseconds. */
  now(): number {
    return performance.now() - this.lostMs;
  }

  /** Stops the checks. */
  stop(): void {
    clearInterval(this.timer);
  }
}
