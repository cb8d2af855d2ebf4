/**
 * Output whose parts are written at the same time and appear one after another. The first part that has not ended appears
 * as it is written, and later parts wait for it.
 *
 * @example
 * const output = new OrderedOutput((text) => process.stdout.write(text));
 * output.write(1, 'second\n');
 * output.write(0, 'first\n'); // appears at once
 * output.end(0); // now "second" appears
 */
export class OrderedOutput {
  private readonly append: (text: string) => void;
  /** Number of the first part that has not ended. */
  private current = 0;
  private readonly ended = new Set<number>();
  /** Texts of parts that wait for the current one. */
  private readonly waiting = new Map<number, string>();

  constructor(append: (text: string) => void) {
    this.append = append;
  }

  /** Writes text of a part. Parts are numbered from 0, and appear in this order. */
  write(part: number, text: string): void {
    if (part === this.current) this.append(text);
    else this.waiting.set(part, (this.waiting.get(part) ?? '') + text);
  }

  /** Ends a part, so that the next one appears. */
  end(part: number): void {
    this.ended.add(part);
    while (this.ended.has(this.current)) this.show(++this.current);
  }

  /** Writes all texts that still wait, in the order of their parts. */
  flush(): void {
    for (const part of [...this.waiting.keys()].sort((a, b) => a - b)) this.show(part);
  }

  private show(part: number): void {
    const text = this.waiting.get(part);
    if (text === undefined) return;
    this.waiting.delete(part);
    this.append(text);
  }
}
