import { existsSync, type FSWatcher, realpathSync, statSync, watch } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { CaseFile } from '../../cases/case.ts';
import { isCaseFile } from './case-files.ts';
import { isManifest } from './manifest-sources.ts';

/** Returns the files and folders that a file of cases depends on, with the file itself. */
export function filesReadFor({ name, manifests, change, meshConfig }: CaseFile): string[] {
  return [name, ...manifests, ...change, ...(meshConfig === undefined ? [] : [meshConfig])];
}

/** Time in which an editor writes a file, in milliseconds. It may write several times, or through another file. */
const editMs = 100;

/** Changes since the last call of `next`. */
export interface FileChanges {
  /** Watched names whose files changed. */
  readonly names: ReadonlySet<string>;
  /** Files that were written or deleted. */
  readonly files: readonly string[];
}

/** Watches files, and the files of folders, for changes. */
export class FileWatcher implements Disposable {
  private watchers: readonly FSWatcher[] = [];
  private names = new Set<string>();
  private files = new Set<string>();
  private onChange: () => void = () => {};

  /**
   * Replaces the watched files.
   *
   * @param names files and folders, which need not exist
   * @param caseFolders folders where files of cases may be added
   */
  watch(names: readonly string[], caseFolders: readonly string[]): void {
    const oldWatchers = this.watchers;
    // Watches folders: a watcher of a file would lose it when an editor replaces the file.
    const places = [...[...new Set(names)].flatMap(placesOf), ...caseFolders.map(caseFolderPlace)];
    this.watchers = [...Map.groupBy(places, ({ folder }) => path.resolve(folder))].map(([folder, placesInFolder]) =>
      watch(folder, (_, file) => {
        if (file === null) return;
        const changed = placesInFolder.flatMap((place) => place.nameOf(file) ?? []);
        this.addChange(path.join(folder, file), changed);
      }).on('error', () => {
        // The folder was deleted. Its watcher reports nothing more.
      }),
    );
    // Closed only now, so that no change is missed in between.
    for (const watcher of oldWatchers) watcher.close();
  }

  private addChange(file: string, names: readonly string[]): void {
    if (names.length === 0) return;
    for (const name of names) this.names.add(name);
    this.files.add(file);
    this.onChange();
  }

  /**
   * Waits for a change, and for further changes of the same edit.
   *
   * @throws the reason of `stop` when it is aborted
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
      await setTimeout(editMs, undefined, { signal: stop });
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

/** Folder to watch for changes of one watched name. */
interface Place {
  readonly folder: string;
  /** Returns the watched name that a file of the folder belongs to; undefined for other files. */
  readonly nameOf: (file: string) => string | undefined;
}

/** Returns the places of a name. For a symbolic link, both the link and its target may change. */
function placesOf(name: string): Place[] {
  const target = existsSync(name) ? realpathSync(name) : name;
  return [placeOf(name, name), ...(target === path.resolve(name) ? [] : [placeOf(target, name)])];
}

function placeOf(fileOrFolder: string, name: string): Place {
  if (statSync(fileOrFolder, { throwIfNoEntry: false })?.isDirectory())
    return { folder: fileOrFolder, nameOf: (file) => (isManifest(file) ? name : undefined) };
  let missing = path.resolve(fileOrFolder);
  // For a missing file, watches for the first missing folder of its path.
  while (!existsSync(path.dirname(missing))) missing = path.dirname(missing);
  return { folder: path.dirname(missing), nameOf: (file) => (file === path.basename(missing) ? name : undefined) };
}

/** Returns the place for files of cases that are added to a folder, and for folders that may contain some. */
function caseFolderPlace(folder: string): Place {
  const isFolder = (file: string): boolean =>
    statSync(path.join(folder, file), { throwIfNoEntry: false })?.isDirectory() === true;
  return {
    folder,
    nameOf: (file) => (isCaseFile(file) || isFolder(file) ? path.join(folder, file) : undefined),
  };
}
