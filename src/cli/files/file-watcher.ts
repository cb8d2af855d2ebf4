import { existsSync, type FSWatcher, realpathSync, statSync, watch } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { CaseFile } from '../../cases/case.ts';
import { isCaseFile } from './case-files.ts';
import { isManifest } from './manifest-sources.ts';

/** A file of cases and all that it names. */
export function filesReadFor({ name, manifests, change }: CaseFile): string[] {
  return [name, ...manifests, ...change];
}

/** Editors write in several steps, and some through another file. */
const settledMs = 100;

/** What has changed since it was last asked. */
export interface FileChanges {
  /** Of those that are watched, by the names that they were given. */
  readonly names: ReadonlySet<string>;
  /** The files that were written, or are gone. */
  readonly files: readonly string[];
}

/** What is written to files, or to files of folders, from when they are watched on. */
export class FileWatcher implements Disposable {
  private watchers: readonly FSWatcher[] = [];
  private names = new Set<string>();
  private files = new Set<string>();
  private onChange: () => void = () => {};

  /**
   * Watches these from now on, and no others.
   *
   * @param names of files and folders, there or not
   * @param caseFolders where files of cases may come and go
   */
  watch(names: readonly string[], caseFolders: readonly string[]): void {
    const before = this.watchers;
    // Editors replace files: a folder is watched, since a file that is watched itself is lost then.
    const places = [...[...new Set(names)].flatMap(placesOf), ...caseFolders.map(placeOfCases)];
    this.watchers = [...Map.groupBy(places, ({ folder }) => path.resolve(folder))].map(([folder, own]) =>
      watch(folder, (_, file) => {
        if (file !== null)
          this.changed(
            path.join(folder, file),
            own.flatMap((place) => place.nameOf(file) ?? []),
          );
        // A folder that is watched may go; then nothing more is heard of it.
      }).on('error', () => {}),
    );
    // Afterwards, so that nothing is missed between.
    for (const watcher of before) watcher.close();
  }

  private changed(file: string, names: readonly string[]): void {
    if (names.length === 0) return;
    for (const name of names) this.names.add(name);
    this.files.add(file);
    this.onChange();
  }

  /**
   * Waits until something has changed since it was last asked, and for what follows at once.
   *
   * @throws when it is stopped
   */
  async next(stop: AbortSignal): Promise<FileChanges> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(stop.reason);
    stop.addEventListener('abort', onAbort, { once: true });
    if (stop.aborted) onAbort();
    this.onChange = resolve;
    if (this.files.size > 0) resolve();
    try {
      await promise;
      await setTimeout(settledMs, undefined, { signal: stop });
      return { names: this.names, files: [...this.files] };
    } finally {
      this.names = new Set();
      this.files = new Set();
      stop.removeEventListener('abort', onAbort);
    }
  }

  [Symbol.dispose](): void {
    for (const watcher of this.watchers) watcher.close();
  }
}

interface Place {
  readonly folder: string;
  /** What has changed with a file of the folder, if anything has. */
  readonly nameOf: (file: string) => string | undefined;
}

/** A link may be made anew, and what it leads to may be written. */
function placesOf(name: string): Place[] {
  const real = existsSync(name) ? realpathSync(name) : name;
  return [placeOf(name, name), ...(real === path.resolve(name) ? [] : [placeOf(real, name)])];
}

/** @param name of those who asked for it */
function placeOf(watched: string, name: string): Place {
  if (statSync(watched, { throwIfNoEntry: false })?.isDirectory())
    return { folder: watched, nameOf: (file) => (isManifest(file) ? name : undefined) };
  let place = path.resolve(watched);
  // What is not there comes with the part of its path that is missing.
  while (!existsSync(path.dirname(place))) place = path.dirname(place);
  return { folder: path.dirname(place), nameOf: (file) => (file === path.basename(place) ? name : undefined) };
}

/** A folder that comes may have files of cases in it. */
function placeOfCases(folder: string): Place {
  const isMeant = (file: string): boolean =>
    isCaseFile(file) || statSync(path.join(folder, file), { throwIfNoEntry: false })?.isDirectory() === true;
  return { folder, nameOf: (file) => (isMeant(file) ? path.join(folder, file) : undefined) };
}
