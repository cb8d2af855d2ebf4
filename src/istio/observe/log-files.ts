import { createReadStream, globSync, statSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';

/** Lengths of log files at one time, by their names. */
export type LogLengths = ReadonlyMap<string, number>;

/** Logs of the programs of one kind. */
export class LogFiles {
  private readonly folder: string;
  private readonly suffix: string;

  /** @param suffix end of the names of the files */
  constructor(folder: string, suffix: string) {
    this.folder = folder;
    this.suffix = suffix;
  }

  /** Returns the current lengths, for a later call of `since`. */
  lengths(): LogLengths {
    return new Map(this.names().map((name) => [name, statSync(path.join(this.folder, name)).size]));
  }

  /** Reads what was written since a time, or everything. */
  async since(lengths: LogLengths = new Map()): Promise<string> {
    const read = (name: string): Promise<string> =>
      text(createReadStream(path.join(this.folder, name), { start: lengths.get(name) ?? 0 }));
    return (await Promise.all(this.names().map(read))).join('\n');
  }

  private names(): string[] {
    return globSync(`*${this.suffix}`, { cwd: this.folder });
  }
}
