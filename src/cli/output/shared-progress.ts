import { Progress, quietMs, redrawMs } from './progress.ts';

/** Action that takes time, as a function that describes its state. */
interface Activity {
  readonly describe: () => string;
  readonly startedAt: number;
}

/**
 * Progress of actions that run at the same time. A terminal shows all slow ones in one line, which disappears again.
 *
 * @example
 * const progress = new SharedProgress(process.stderr, 'meshmock: ');
 * const end = progress.begin(() => `${answers} of 500 answers`);
 * try { await sendAll(); } finally { end(); }
 */
export class SharedProgress {
  private readonly stream: NodeJS.WriteStream;
  private readonly prefix: string;
  private readonly activities = new Set<Activity>();
  private timer: NodeJS.Timeout | undefined;
  private isDrawn = false;

  /** @param prefix text at the beginning of each line */
  constructor(stream: NodeJS.WriteStream, prefix: string) {
    this.stream = stream;
    this.prefix = prefix;
  }

  /**
   * Begins an action.
   *
   * @returns a function that ends it
   */
  begin(describe: () => string): () => void {
    if (!this.stream.isTTY) {
      const progress = new Progress(this.stream, () => this.prefix + describe());
      return () => progress.stop();
    }
    const activity = { describe, startedAt: performance.now() };
    this.activities.add(activity);
    this.timer ??= setInterval(() => this.draw(), redrawMs).unref();
    return () => {
      this.activities.delete(activity);
      if (this.activities.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
      this.hide();
    };
  }

  /** Removes the line until it is drawn again, so that other output can be written. */
  hide(): void {
    if (this.isDrawn) this.stream.write('\r\x1b[K');
    this.isDrawn = false;
  }

  private draw(): void {
    const now = performance.now();
    const slow = [...this.activities].filter(({ startedAt }) => now - startedAt >= quietMs);
    if (slow.length === 0) {
      this.hide();
      return;
    }
    const texts = slow.map(({ describe, startedAt }) => `${describe()}, ${((now - startedAt) / 1000).toFixed(0)} s`);
    this.stream.write(`\r\x1b[K${this.prefix}${texts.join(' | ')}`);
    this.isDrawn = true;
  }
}
