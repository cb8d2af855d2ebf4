/** Counts what is under way, so that a server can end when it is done. A count, since a set of it costs on every request. */
export class InFlight {
  private count = 0;
  private readonly onNone: (() => void)[] = [];

  begin(): void {
    this.count++;
  }

  end(): void {
    if (--this.count > 0) return;
    for (const resolve of this.onNone.splice(0)) resolve();
  }

  get isAny(): boolean {
    return this.count > 0;
  }

  /** Resolves when nothing is under way, at the latest after so long. */
  async ended(longestMs: number): Promise<void> {
    if (this.count === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, longestMs);
      this.onNone.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
