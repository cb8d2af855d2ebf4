import { chmodSync, closeSync, existsSync, lstatSync, openSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { tryLock } from '../process/file-lock.ts';
import { toolFolders } from './install-tools.ts';

/** Tools of a local mesh, in the order in which they are installed. */
export const meshTools = ['istio', 'envoy', 'jaeger', 'kube', 'istioctl', 'cluster'] as const;

/** Tool of a local mesh in the cache. */
export interface CachedTool {
  readonly name: string;
  /** Key of the version that this meshmock uses. */
  readonly version: string;
  readonly isInstalled: boolean;
  /** Size in bytes; 0 if it is not installed. */
  readonly bytes: number;
}

/** Cache of tools on this machine. */
export interface ToolCache {
  readonly folder: string;
  readonly tools: readonly CachedTool[];
  /** Folders of tools of other versions, and of installations that were stopped. */
  readonly unused: readonly string[];
}

/** Reads the cache of this user. */
export async function readToolCache(signal: AbortSignal): Promise<ToolCache> {
  const folders = Object.entries(await toolFolders(meshTools, signal));
  const folder = path.dirname(folders[0]?.[1] ?? '');
  const used = new Set(folders.map(([, one]) => path.basename(one)));
  const unused = readdirIfExists(folder).filter((name) => !used.has(name) && isOfMesh(name));
  return {
    folder,
    tools: folders.map(([name, one]) => ({
      name,
      version: path.basename(one).slice(name.length + 1),
      isInstalled: existsSync(one),
      bytes: bytesIn(one),
    })),
    unused: unused.map((name) => path.join(folder, name)),
  };
}

/**
 * Removes tools from a cache. Returns the number of bytes that this frees.
 *
 * @param folders folders in the cache
 * @throws MeshmockError `conflict` if another process installs tools, whose unfinished folders are in the cache
 */
export function removeTools(cache: string, folders: readonly string[]): number {
  const file = path.join(cache, '.lock');
  const lock = existsSync(file) ? openSync(file, 'r') : undefined;
  try {
    if (lock !== undefined && !tryLock(lock))
      throw new MeshmockError(
        'conflict',
        `another meshmock is installing tools into ${cache}: wait until it has ended`,
      );
    const bytes = folders.map(bytesIn).reduce((sum, one) => sum + one, 0);
    for (const folder of folders) {
      makeWritable(folder);
      rmSync(folder, { recursive: true, force: true });
    }
    return bytes;
  } finally {
    if (lock !== undefined) closeSync(lock);
  }
}

/** Lets the user remove what is in a folder. Go makes the modules read-only that it has fetched. */
function makeWritable(folder: string): void {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  chmodSync(folder, 0o755);
  for (const name of readdirSync(folder)) makeWritable(path.join(folder, name));
}

/** Reports whether a folder of the cache belongs to a local mesh. Tests keep other tools there. */
function isOfMesh(name: string): boolean {
  return name === '.build' || name === '.fetch' || meshTools.some((tool) => name.startsWith(`${tool}-`));
}

/** Returns the size of a file, or of all files in a folder; 0 if it does not exist. */
export function bytesIn(file: string): number {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(file)
    .map((name) => bytesIn(path.join(file, name)))
    .reduce((sum, one) => sum + one, 0);
}

function readdirIfExists(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
