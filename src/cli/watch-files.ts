import { existsSync, type FSWatcher, statSync, watch } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { CaseFile } from '../cases/case.ts';
import { isManifest } from './manifest-sources.ts';

/** A file of cases and all that it names. */
export function filesOf({ name, manifests, change }: CaseFile): string[] {
  return [name, ...manifests, ...change];
}

/** Editors write in several steps, and some through another file. */
const settledMs = 100;

/** What is written to files, or to files of folders, from when they are watched on. */
export class FileChanges implements Disposable {
  private watchers: readonly FSWatcher[] = [];
  private readonly changed = new Set<string>();
  private onChange: () => void = () => {};

  /** Watches these from now on, and no others. @param names of files and folders, there or not */
  watch(names: readonly string[]): void {
    const before = this.watchers;
    // Editors replace files: a folder is watched, since a file that is watched itself is lost then.
    const folders = Map.groupBy([...new Set(names)].map(placeOf), ({ folder }) => folder);
    this.watchers = [...folders].map(([folder, places]) =>
      watch(folder, (_, filename) => {
        const meant = places.filter(({ isMeant }) => filename === null || isMeant(filename));
        for (const { name } of meant) this.changed.add(name);
        if (meant.length > 0) this.onChange();
        // A folder that is watched may go; then nothing more is heard of it.
      }).on('error', () => {}),
    );
    // Afterwards, so that nothing is missed between.
    for (const watcher of before) watcher.close();
  }

  /**
   * Waits until something has changed since it was last asked, and for what follows at once.
   *
   * @returns the names of what changed
   * @throws when it is stopped
   */
  async next(stop: AbortSignal): Promise<readonly string[]> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(stop.reason);
    stop.addEventListener('abort', onAbort, { once: true });
    if (stop.aborted) onAbort();
    this.onChange = resolve;
    if (this.changed.size > 0) resolve();
    try {
      await promise;
      await setTimeout(settledMs, undefined, { signal: stop });
      return [...this.changed];
    } finally {
      this.changed.clear();
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
  if (statSync(name, { throwIfNoEntry: false })?.isDirectory()) return { name, folder: name, isMeant: isManifest };
  let place = path.resolve(name);
  // What is not there comes with the part of its path that is missing.
  while (!existsSync(path.dirname(place))) place = path.dirname(place);
  return { name, folder: path.dirname(place), isMeant: (file) => file === path.basename(place) };
}
