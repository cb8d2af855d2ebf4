import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { ManifestSource } from '../../istio/resources/manifest.ts';
import { readStandardInput, readText } from '../process/read-text.ts';
import { type BuiltKustomizations, buildKustomization, kustomizationOf } from './kustomizations.ts';

/** Name of manifests that were read from standard input. */
export const standardInput = 'standard input';

/**
 * Reads manifests as `kubectl -f` does. A name is a file, a folder, or `-` for standard input. Of a folder, it reads the
 * YAML and JSON files, without the folders below. A folder with a kustomization, or its file, is what `kubectl kustomize`
 * makes of the folder. A kustomization that several names mean is built once.
 *
 * @param isOther reports whether a file of a folder is something else
 * @param built kustomizations that were built before
 * @throws MeshmockError `usage` for a file that is missing, and for a folder without manifests
 * @example
 * readManifestSources(['mesh.yaml', 'policies/']);
 */
export function readManifestSources(
  names: readonly string[],
  isOther: (file: string, text: string) => boolean = () => false,
  built: BuiltKustomizations = new Map(),
): ManifestSource[] {
  const known = new Set<string>();
  return names.flatMap((name) => {
    if (name === '-') return [{ name: standardInput, text: readStandardInput() }];
    const kustomization = kustomizationOf(name);
    if (kustomization !== undefined) {
      const place = realpathSync(kustomization);
      if (known.has(place)) return [];
      known.add(place);
      // Its name is the command, since lines of errors are those of the output.
      return [{ name: `${kustomize}${kustomization}`, text: built.get(place) ?? buildKustomization(kustomization) }];
    }
    if (!isFolder(name)) return [{ name, text: readText(name) }];
    const files = readdirSync(name).filter(isManifest).sort();
    const sources = files.map((file) => ({ name: path.join(name, file), text: readText(path.join(name, file)) }));
    const manifests = sources.filter((source) => !isOther(source.name, source.text));
    if (manifests.length === 0)
      throw new MeshmockError('usage', `${name}: this folder has no .yaml, .yml or .json file`);
    return manifests;
  });
}

/**
 * Leaves out sources of a file, or of a kustomization, that another source has already. Two paths may lead to the same
 * file.
 */
export function eachOnce(sources: readonly ManifestSource[]): ManifestSource[] {
  const found = new Map<string, ManifestSource>();
  for (const source of sources) {
    const folder = source.name.startsWith(kustomize) ? source.name.slice(kustomize.length) : undefined;
    const file = folder ?? source.name;
    const key = `${folder === undefined ? '' : kustomize}${existsSync(file) ? realpathSync(file) : file}`;
    if (!found.has(key)) found.set(key, source);
  }
  return [...found.values()];
}

/** Beginning of the name of what was built from a folder. */
const kustomize = 'kubectl kustomize ';

/** Reports whether the name of a file in a folder is that of a manifest. */
export function isManifest(file: string): boolean {
  return /\.(?:ya?ml|json)$/.test(file);
}

function isFolder(name: string): boolean {
  const stat = statSync(name, { throwIfNoEntry: false });
  if (stat === undefined) throw new MeshmockError('usage', `${name}: no such file or folder`);
  return stat.isDirectory();
}
