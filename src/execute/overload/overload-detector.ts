/** Time for which no request has had a short wait when a queue counts as overloaded (RFC 8289, `INTERVAL`). */
export const burstMs = 100;

/** Length of the windows in which an overloaded queue is measured, in milliseconds. */
const windowMs = 500;

/** Share of a window that a server must be idle, so that its queue is not overloaded any longer. */
const idleShare = 0.2;

/**
 * Detector of an overloaded queue. A burst makes requests wait too, but soon a request has a short wait again. A queue is
 * overloaded if no request had a short wait for 100 ms, until its server is idle for a fifth of half a second: short waits
 * alone prove nothing while requests are refused.
 */
export class OverloadDetector {
  private isOverloaded = false;
  /** Time at which a request last had a short wait. */
  private shortAt = Number.NEGATIVE_INFINITY;
  private windowAt = 0;
  private windowIdleMs = 0;

  /**
   * Adds a request, and reports whether the queue is overloaded.
   *
   * @param now time, in milliseconds
   * @param idleMs time for which the server has been idle since its start, in milliseconds
   * @param isShort whether the request had a short wait
   */
  add(now: number, idleMs: number, isShort: boolean): boolean {
    if (this.isOverloaded) this.endWindow(now, idleMs);
    else if (isShort) this.shortAt = now;
    else if (now - this.shortAt > burstMs) {
      this.isOverloaded = true;
      this.windowAt = now;
      this.windowIdleMs = idleMs;
    }
    return this.isOverloaded;
  }

  private endWindow(now: number, idleMs: number): void {
    const lengthMs = now - this.windowAt;
    if (lengthMs < windowMs) return;
    this.isOverloaded = idleMs - this.windowIdleMs < idleShare * lengthMs;
    this.windowAt = now;
    this.windowIdleMs = idleMs;
    this.shortAt = now;
  }
}
