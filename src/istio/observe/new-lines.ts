import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';

/** New lines of one log. */
export interface LogPart {
  /** Name of the file. */
  readonly name: string;
  readonly content: string;
}

/** Reader of the logs of the proxies. Each call returns only new lines. */
export class NewLines {
  private readonly folder: string;
  private readonly mostBytes: number;
  /** Number of bytes that have been read of each log. */
  private readBytes: ReadonlyMap<string, number> = new Map();

  /**
   * @param folder folder with a log for each proxy
   * @param mostBytes maximum size of what a call reads of each log; older lines are skipped
   */
  constructor(folder: string, mostBytes = Number.POSITIVE_INFINITY) {
    this.folder = folder;
    this.mostBytes = mostBytes;
  }

  /** Skips all lines that are written so far. */
  async skip(): Promise<void> {
    const names = await this.names();
    const sizes = await Promise.all(names.map((name) => this.sizeOf(name)));
    this.readBytes = new Map(names.map((name, index) => [name, sizes[index] ?? 0]));
  }

  /** Returns the new lines of each log. */
  async next(): Promise<LogPart[]> {
    const logs = await Promise.all((await this.names()).map((name) => this.newLines(name)));
    this.readBytes = new Map(logs.map(({ name, end }) => [name, end]));
    return logs;
  }

  private async names(): Promise<string[]> {
    return (await readdir(this.folder)).filter((name) => name.endsWith('.proxy.log'));
  }

  private async sizeOf(name: string): Promise<number> {
    return (await stat(path.join(this.folder, name))).size;
  }

  private async newLines(name: string): Promise<LogPart & { readonly end: number }> {
    const known = this.readBytes.get(name) ?? 0;
    const size = await this.sizeOf(name);
    if (size === known) return { name, content: '', end: known };
    const start = Math.max(known, size - this.mostBytes);
    await using file = await open(path.join(this.folder, name));
    const content = await text(file.createReadStream({ start, autoClose: false }));
    // The last line may be incomplete.
    const completeLines = content.slice(0, content.lastIndexOf('\n') + 1);
    return { name, content: completeLines, end: start + Buffer.byteLength(completeLines) };
  }
}
