/** Counter of requests in flight. A server waits for the last of them. A set would cost more per request. */
export class InFlight {
  private count = 0;
  private readonly onEmpty: (() => void)[] = [];

  /** Counts a request that begins. */
  begin(): void {
    this.count++;
  }

  /** Counts a request that has ended. */
  end(): void {
    if (--this.count > 0) return;
    for (const resolve of this.onEmpty.splice(0)) resolve();
  }

  /** True if no request is in flight. */
  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** Waits until no request is in flight, for at most a time in milliseconds. */
  async waitUntilEmpty(maxWaitMs: number): Promise<void> {
    if (this.count === 0 || maxWaitMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, maxWaitMs);
      this.onEmpty.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
