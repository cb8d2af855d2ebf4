/** Time after which an action counts as slow, in milliseconds. */
export const quietMs = 1000;
/** Interval at which the line of a terminal is drawn, in milliseconds. */
export const redrawMs = 200;
const lineMs = 5000;

/** Progress of a long run on standard error; on a terminal in one line that disappears again. */
export class Progress {
  private readonly stream: NodeJS.WriteStream;
  private readonly describe: () => string;
  private readonly startedAt = performance.now();
  private readonly timer: NodeJS.Timeout;
  private isDrawn = false;

  constructor(stream: NodeJS.WriteStream, describe: () => string) {
    this.stream = stream;
    this.describe = describe;
    this.timer = setInterval(() => this.draw(), stream.isTTY ? redrawMs : lineMs);
    this.timer.unref();
  }

  private draw(): void {
    const elapsedMs = performance.now() - this.startedAt;
    if (elapsedMs < quietMs) return;
    const line = `${this.describe()}, ${(elapsedMs / 1000).toFixed(0)} s`;
    this.stream.write(this.stream.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
    this.isDrawn = true;
  }

  stop(): void {
    clearInterval(this.timer);
    if (this.isDrawn && this.stream.isTTY) this.stream.write('\r\x1b[K');
  }
}
