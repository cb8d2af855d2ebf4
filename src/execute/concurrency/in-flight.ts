/** Number of requests in flight, so that a server can wait for the last of them. A set would cost each request more. */
export class InFlight {
  private count = 0;
  private readonly onNone: (() => void)[] = [];

  /** Counts a request that begins. */
  begin(): void {
    this.count++;
  }

  /** Counts a request that has ended. */
  end(): void {
    if (--this.count > 0) return;
    for (const resolve of this.onNone.splice(0)) resolve();
  }

  get isAny(): boolean {
    return this.count > 0;
  }

  /** Waits until nothing is in flight, for at most a time in milliseconds. */
  async ended(maxWaitMs: number): Promise<void> {
    if (this.count === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, maxWaitMs);
      this.onNone.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
