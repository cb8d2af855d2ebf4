import { statSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { CaseFile } from '../cases/case.ts';

/** A file of cases and all that it names. */
export function filesOf({ name, manifests, change }: CaseFile): string[] {
  return [name, ...manifests, ...change];
}

/** Editors write in several steps, and some through another file. */
const settledMs = 100;

/**
 * Waits until something is written to a file or folder, or to a file of such a folder.
 *
 * @returns which of them
 * @throws when it is stopped
 */
export async function untilChanged(names: readonly string[], stop: AbortSignal): Promise<ReadonlySet<string>> {
  const changed = new Set<string>();
  const settled = new AbortController();
  const either = AbortSignal.any([stop, settled.signal]);
  const first = Promise.withResolvers<void>();
  // Editors replace files: a folder is watched, since a file that is watched itself is lost then.
  const folders = Map.groupBy(names.map(placeOf), ({ folder }) => folder);
  const watching = [...folders].map(async ([folder, places]) => {
    for await (const { filename } of watch(folder, { signal: either })) {
      for (const { name, file } of places) if (file === undefined || file === filename) changed.add(name);
      if (changed.size > 0) first.resolve();
    }
  });
  const ended = Promise.allSettled(watching);
  stop.addEventListener('abort', () => first.reject(stop.reason), { once: true });
  if (stop.aborted) first.reject(stop.reason);
  try {
    await first.promise;
    await setTimeout(settledMs);
    return changed;
  } finally {
    settled.abort();
    await ended;
  }
}

interface Place {
  readonly name: string;
  readonly folder: string;
  /** Any, if it is the folder that is named. */
  readonly file?: string;
}

function placeOf(name: string): Place {
  if (statSync(name, { throwIfNoEntry: false })?.isDirectory()) return { name, folder: name };
  return { name, folder: path.dirname(name), file: path.basename(name) };
}
