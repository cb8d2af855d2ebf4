/**
 * Timeout of work whose length depends on the machine and on the number of pods. Its signal is aborted when nothing has
 * advanced for a time.
 *
 * @example
 * using timeout = new StallTimeout(60_000);
 * node.onProgress = () => timeout.advance();
 * await work(timeout.signal);
 */
export class StallTimeout implements Disposable {
  private readonly controller = new AbortController();
  private readonly stallMs: number;
  private timer: NodeJS.Timeout | undefined;
  private isOver = false;

  /** @param stallMs maximum time without an advance, in milliseconds */
  constructor(stallMs: number) {
    this.stallMs = stallMs;
    this.advance();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Begins the time again. It has no effect when the timeout is over. */
  advance(): void {
    if (this.isOver) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.isOver = true;
      this.controller.abort();
    }, this.stallMs);
  }

  [Symbol.dispose](): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }
}
