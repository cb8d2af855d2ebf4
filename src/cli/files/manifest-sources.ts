import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { ManifestSource } from '../../istio/resources/manifest.ts';
import { readStandardInput, readText } from '../process/read-text.ts';
import { runProgram } from '../process/run-program.ts';

/** Name of manifests that were read from standard input. */
export const standardInput = 'standard input';

/**
 * Reads manifests as `kubectl -f` does. A name is a file, a folder, or `-` for standard input. Of a folder, it reads the
 * YAML and JSON files, without the folders below. A folder with a kustomization is what `kubectl kustomize` makes of it.
 *
 * @param isOther reports whether a file of a folder is something else
 * @throws MeshmockError `usage` for a file that is missing, and for a folder without manifests
 * @example
 * readManifestSources(['mesh.yaml', 'policies/']);
 */
export function readManifestSources(
  names: readonly string[],
  isOther: (file: string, text: string) => boolean = () => false,
): ManifestSource[] {
  return names.flatMap((name) => {
    if (name === '-') return [{ name: standardInput, text: readStandardInput() }];
    if (!isFolder(name)) return [{ name, text: readText(name) }];
    if (isKustomization(name)) return [builtFrom(name)];
    const files = readdirSync(name).filter(isManifest).sort();
    const sources = files.map((file) => ({ name: path.join(name, file), text: readText(path.join(name, file)) }));
    const manifests = sources.filter((source) => !isOther(source.name, source.text));
    if (manifests.length === 0)
      throw new MeshmockError('usage', `${name}: this folder has no .yaml, .yml or .json file`);
    return manifests;
  });
}

const kustomizations = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

function isKustomization(folder: string): boolean {
  return kustomizations.some((file) => existsSync(path.join(folder, file)));
}

/** Builds a kustomization. Its name is the command, since lines of errors are those of the output. */
function builtFrom(folder: string): ManifestSource {
  const text = runProgram('kubectl', ['kustomize', folder], `${folder}: kubectl kustomize failed`);
  return { name: `kubectl kustomize ${folder}`, text: text.toString() };
}

/** Reports whether the name of a file in a folder is that of a manifest. */
export function isManifest(file: string): boolean {
  return /\.(?:ya?ml|json)$/.test(file);
}

function isFolder(name: string): boolean {
  const stat = statSync(name, { throwIfNoEntry: false });
  if (stat === undefined) throw new MeshmockError('usage', `${name}: no such file or folder`);
  return stat.isDirectory();
}
