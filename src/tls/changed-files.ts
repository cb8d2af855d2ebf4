import { type BigIntStats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

/** Time between two looks at the files, in milliseconds. */
const lookMs = 1000;

/** Receiver of changes of files. */
export interface FileChanges {
  /** Reads the files and applies their contents. @throws Error if they cannot be used: nothing is applied then */
  apply(): void;
  /** Reports the problem of contents that have been the same in two looks, once. */
  onProblem(error: Error): void;
}

/**
 * Looks at files in intervals, and applies their contents when they have changed. It follows links: the volume of a
 * Secret is changed by a link to another folder, which no watch of the files notices.
 *
 * Files that belong together may be written one after another. So contents that cannot be used are tried once more, and
 * only then reported.
 */
export class ChangedFiles {
  private readonly files: readonly string[];
  private readonly changes: FileChanges;
  private readonly timer: NodeJS.Timeout;
  /** State of the files whose contents have been applied or reported. */
  private known: string;
  /** State of the files whose contents could not be used in the last look. */
  private unusable: string | undefined;
  private isLooking = false;

  /**
   * @param known state of the files before their contents were applied for the first time
   */
  constructor(files: readonly string[], known: string, changes: FileChanges) {
    this.files = files;
    this.known = known;
    this.changes = changes;
    this.timer = setInterval(() => void this.look(), lookMs).unref();
  }

  /** Looks no more. */
  stop(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    const states = await Promise.all(this.files.map(stateOf));
    this.isLooking = false;
    const state = states.join(' ');
    if (state === this.known) return;
    try {
      this.changes.apply();
      this.known = state;
    } catch (error) {
      if (state === this.unusable) {
        this.known = state;
        this.changes.onProblem(error as Error);
      }
      this.unusable = state;
    }
  }
}

/** Returns a text that changes with the contents of files. */
export function stateOfFiles(files: readonly string[]): string {
  return files
    .map((file) => {
      try {
        return textOf(statSync(file, { bigint: true }));
      } catch (error) {
        return codeOf(error);
      }
    })
    .join(' ');
}

function stateOf(file: string): Promise<string> {
  return stat(file, { bigint: true }).then(textOf, codeOf);
}

function textOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unreadable';
}
