import { existsSync, type FSWatcher, statSync, watch } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { CaseFile } from '../cases/case.ts';

/** A file of cases and all that it names. */
export function filesOf({ name, manifests, change }: CaseFile): string[] {
  return [name, ...manifests, ...change];
}

/** Editors write in several steps, and some through another file. */
const settledMs = 100;

/** What is written to files, or to files of folders, from its making on. */
export class FileChanges implements Disposable {
  private readonly watchers: readonly FSWatcher[];
  private readonly changed = new Set<string>();
  private readonly first = Promise.withResolvers<void>();

  /** @param names of files and folders, there or not */
  constructor(names: readonly string[]) {
    // Editors replace files: a folder is watched, since a file that is watched itself is lost then.
    const folders = Map.groupBy([...new Set(names)].map(placeOf), ({ folder }) => folder);
    this.watchers = [...folders].map(([folder, places]) =>
      watch(folder, (_, filename) => {
        const meant = places.filter(({ isMeant }) => filename === null || isMeant(filename));
        for (const { name } of meant) this.changed.add(name);
        if (meant.length > 0) this.first.resolve();
        // A folder that is watched may go; then nothing more is heard of it.
      }).on('error', () => {}),
    );
  }

  /**
   * Waits for the first change, and for those that follow at once.
   *
   * @returns the names of what changed
   * @throws when it is stopped
   */
  async settled(stop: AbortSignal): Promise<ReadonlySet<string>> {
    const stopped = Promise.withResolvers<never>();
    const onAbort = (): void => stopped.reject(stop.reason);
    stop.addEventListener('abort', onAbort, { once: true });
    if (stop.aborted) onAbort();
    try {
      await Promise.race([this.first.promise, stopped.promise]);
      await setTimeout(settledMs, undefined, { signal: stop });
      return this.changed;
    } finally {
      stop.removeEventListener('abort', onAbort);
    }
  }

  [Symbol.dispose](): void {
    for (const watcher of this.watchers) watcher.close();
  }
}

interface Place {
  readonly name: string;
  readonly folder: string;
  /** Whether a change of a file in the folder is one of it. */
  readonly isMeant: (file: string) => boolean;
}

function placeOf(name: string): Place {
  if (statSync(name, { throwIfNoEntry: false })?.isDirectory())
    return { name, folder: name, isMeant: (file) => /\.(?:ya?ml|json)$/.test(file) };
  let place = path.resolve(name);
  // What is not there comes with the part of its path that is missing.
  while (!existsSync(path.dirname(place))) place = path.dirname(place);
  return { name, folder: path.dirname(place), isMeant: (file) => file === path.basename(place) };
}
