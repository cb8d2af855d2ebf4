import { existsSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { ManifestSource } from '../../istio/resources/manifest.ts';
import { standardInput } from './manifest-sources.ts';

/** Options of commands that write a file of cases. */
export const overwriteOption = { isSwitch: true, help: 'let --write replace a file that exists' } as const;

/**
 * Checks that a file can be written for --write: before a mesh starts, because the start takes seconds.
 *
 * @throws MeshmockError `usage` if the file exists and must not be replaced, if it is a folder, or if its folder is missing
 */
export function checkNewFile(file: string | undefined, { overwrite }: { readonly overwrite: boolean }): void {
  if (file === undefined) return;
  if (isFolder(file)) throw new MeshmockError('usage', `--write: ${file} is a folder: expected the name of a file`);
  if (!overwrite && existsSync(file))
    throw new MeshmockError('usage', `--write: ${file} exists: choose another name, or replace it with --overwrite`);
  if (!isFolder(path.dirname(file)))
    throw new MeshmockError('usage', `--write: ${file}: its folder does not exist: create it, or choose another name`);
}

/**
 * Checks that a file of cases can name the manifests for which it is written.
 *
 * @throws MeshmockError `usage` if they are from standard input, or if the file would replace one of them
 */
export function checkNamedSources(file: string | undefined, sources: readonly ManifestSource[]): void {
  if (file === undefined) return;
  if (sources.some(({ name }) => name === standardInput))
    throw new MeshmockError(
      'usage',
      '--write: a file of cases cannot read standard input: save the manifests in a file',
    );
  if (existsSync(file) && sources.some(({ name }) => existsSync(name) && realpathSync(name) === realpathSync(file)))
    throw new MeshmockError('usage', `--write: ${file} is one of the manifests: choose another name`);
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Writes a file of --write. @throws MeshmockError `usage` if it cannot be written */
export function writeNewFile(file: string, text: string, { overwrite }: { readonly overwrite: boolean }): void {
  try {
    writeFileSync(file, text, { flag: overwrite ? 'w' : 'wx' });
  } catch (error) {
    throw new MeshmockError('usage', `--write: ${(error as Error).message}`);
  }
}
