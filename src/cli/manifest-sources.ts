import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ManifestSource } from '../istio/manifest.ts';
import { MeshmockError } from '../plan/error.ts';

/**
 * Reads manifests as `kubectl -f` does: a file, the YAML and JSON files of a folder (not of those below it), or
 * standard input for `-`.
 *
 * @throws MeshmockError `usage`
 */
export function readManifestSources(names: readonly string[]): ManifestSource[] {
  return names.flatMap((name) => {
    if (name === '-') return [{ name: 'standard input', text: readFileSync(0, 'utf8') }];
    const files = filesOf(name);
    if (files.length === 0) throw new MeshmockError('usage', `${name}: this folder has no .yaml, .yml or .json file`);
    return files.map((file) => ({ name: file, text: readText(file) }));
  });
}

/** Whether a file of a folder is read with it. */
export function isManifest(file: string): boolean {
  return /\.(?:ya?ml|json)$/.test(file);
}

function filesOf(name: string): string[] {
  const stat = statSync(name, { throwIfNoEntry: false });
  if (stat === undefined) throw new MeshmockError('usage', `${name}: there is no such file or folder`);
  if (!stat.isDirectory()) return [name];
  const entries = readdirSync(name).filter(isManifest);
  return entries.sort().map((entry) => path.join(name, entry));
}

/** The text of a file. @throws MeshmockError `usage` */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new MeshmockError('usage', `${file}: ${(error as Error).message}`);
  }
}
