import { existsSync, globSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Case, CaseFile } from '../../cases/case.ts';
import { nameErrors } from '../../cases/known-names.ts';
import { ErrorList } from '../../error/error-list.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { readText } from '../process/read-text.ts';
import { parseCaseFile } from './case-file.ts';
import type { BuiltKustomizations } from './kustomizations.ts';
import { eachOnce, readManifestSources } from './manifest-sources.ts';
import { isRouterCheckFile, parseRouterCheckFile } from './router-check-file.ts';
import { isValidatorFile, parseValidatorFile } from './validator-file.ts';

/** Files of cases to read, and the settings that apply to all of them. */
export interface CaseFilesSettings {
  /** Files and folders. */
  readonly names: readonly string[];
  /** Manifests of every file, in addition to its own. */
  readonly manifests: readonly string[];
  /** Texts of which a case name must contain one; empty for all cases. */
  readonly only: readonly string[];
  /** Entries of a running mesh; empty for a local mesh. */
  readonly entry: readonly unknown[];
  /** Timeout of a request whose case sets none, in milliseconds. */
  readonly timeout: number;
  /** Retry time of a case that sets none, in milliseconds. */
  readonly retryUntil: number | undefined;
}

/**
 * Reads files of cases, with the cases that `--only` selects.
 *
 * @throws MeshmockError `usage` for a file that is missing or wrong, its manifests included
 * @example
 * const [file] = readCaseFiles({ names: ['test.yaml'], manifests: [], only: [], entry: [], timeout: 10_000, retryUntil: 0 });
 */
export function readCaseFiles(settings: CaseFilesSettings): CaseFile[] {
  const { names, only, entry } = settings;
  const errors = new ErrorList();
  const found = [...new Set(names.flatMap(caseFilesIn))];
  const files = found.flatMap((name) => errors.collect(() => readCaseFile(name, settings)) ?? []);
  errors.throwIfAny();
  const selected = only.length === 0 ? files : selectCases(files, only);
  // A running mesh has its manifests already, and they need not be on this machine.
  if (entry.length === 0) for (const file of selected) errors.collect(() => checkManifests(file));
  errors.throwIfAny();
  return selected;
}

const ignoreModules = { exclude: ['**/node_modules'] };

function caseFilesIn(name: string): string[] {
  const stat = statSync(name, { throwIfNoEntry: false });
  if (stat === undefined) throw new MeshmockError('usage', `${name}: no such file or folder`);
  if (!stat.isDirectory()) return [name];
  const found = globSync('**/*.{yaml,yml}', { cwd: name, ...ignoreModules }).filter(isCaseFile);
  if (found.length === 0)
    throw new MeshmockError('usage', `${name}: this folder has no file test.yaml, *.test.yaml or *_test.yaml`);
  return found.sort().map((file) => path.join(name, file));
}

/** Reports whether a file in a folder is a file of cases. Users of istio-config-validator name theirs `*_test.yaml`. */
export function isCaseFile(file: string): boolean {
  return /(?:^|[/._])test\.ya?ml$/.test(file);
}

/** Returns the folders among names, with the folders below them. Files of cases may be added there. */
export function caseFolders(names: readonly string[]): string[] {
  const folders = names.filter((name) => statSync(name, { throwIfNoEntry: false })?.isDirectory());
  return folders.flatMap((name) =>
    globSync('**/', { cwd: name, ...ignoreModules }).map((below) => path.join(name, below)),
  );
}

function selectCases(files: readonly CaseFile[], only: readonly string[]): CaseFile[] {
  const names = files.flatMap(({ before, cases, always }) => [...before, ...cases, ...always].map(({ name }) => name));
  const unknown = only.find((part) => !names.some((name) => hasPart(name, part)));
  if (unknown !== undefined) {
    const similar = mostSimilar(unknown, names).map((name) => `"${name}"`);
    throw new MeshmockError(
      'usage',
      `--only: no case has "${unknown}" in its name; similar names: ${similar.join(', ')}`,
    );
  }
  const isSelected = ({ name }: Case): boolean => only.some((part) => hasPart(name, part));
  return files
    .map((file) => ({
      ...file,
      before: file.before.filter(isSelected),
      cases: file.cases.filter(isSelected),
      always: file.always.filter(isSelected),
    }))
    .filter(({ before, cases, always }) => before.length + cases.length + always.length > 0);
}

/** Reports whether a name contains a part, in upper or lower case. */
function hasPart(name: string, part: string): boolean {
  return name.toLowerCase().includes(part.toLowerCase());
}

/** Returns the three names that share the most pairs of letters with a text. */
function mostSimilar(part: string, names: readonly string[]): string[] {
  const text = part.toLowerCase();
  const pairs = Array.from({ length: text.length - 1 }, (_, index) => text.slice(index, index + 2));
  const sharedPairs = (name: string): number => pairs.filter((pair) => name.toLowerCase().includes(pair)).length;
  return [...new Set(names)].toSorted((a, b) => sharedPairs(b) - sharedPairs(a)).slice(0, 3);
}

/** Checks that all manifests exist and parse, and have the names of the cases. A mesh takes seconds to start. */
function checkManifests(file: CaseFile): void {
  const { name, manifests, change, meshConfig } = file;
  const errors = new ErrorList();
  if (meshConfig !== undefined && !existsSync(meshConfig))
    errors.add(new MeshmockError('usage', `${name}: no such file: ${meshConfig}`));
  const all = [...new Set([...manifests, ...change])];
  const existing = all.filter((manifest) => existsSync(manifest));
  for (const manifest of all.filter((one) => !existing.includes(one)))
    errors.add(new MeshmockError('usage', `${name}: no such file or folder: ${manifest}`));
  const sources = existing.flatMap((manifest) => errors.collect(() => readManifestsOfCases([manifest])) ?? []);
  const parsed = eachOnce(sources).flatMap((source) => errors.collect(() => parseManifests([source])) ?? []);
  errors.throwIfAny();
  for (const error of nameErrors(
    file,
    parsed.map(({ object }) => object),
  ))
    errors.add(error);
  errors.throwIfAny();
}

/**
 * Reads the manifests of files of cases. In a folder, files of cases may be next to the manifests. A file that two names
 * include, such as a folder of the case file and of --manifests, is read once.
 *
 * @param built kustomizations that were built before
 * @throws MeshmockError `usage`
 */
export function readManifestsOfCases(names: readonly string[], built?: BuiltKustomizations): ManifestSource[] {
  return eachOnce(readManifestSources(names, (file, text) => isCaseFile(file) && !isKubernetesManifest(text), built));
}

function readCaseFile(name: string, { timeout, retryUntil = 0, manifests }: CaseFilesSettings): CaseFile {
  const content = readText(name);
  if (isKubernetesManifest(content)) {
    const field = `"manifests: [${path.basename(name)}]"`;
    throw new MeshmockError(
      'usage',
      `${name}: expected a file of cases, found a Kubernetes manifest: write cases in another file, with ${field}`,
    );
  }
  const file = parserOf(content)(content, name, { timeoutMs: timeout, retryUntilMs: retryUntil });
  return { ...file, manifests: [...manifests, ...file.manifests] };
}

function parserOf(content: string): typeof parseCaseFile | typeof parseValidatorFile {
  if (isValidatorFile(content)) return parseValidatorFile;
  return isRouterCheckFile(content) ? parseRouterCheckFile : parseCaseFile;
}

function isKubernetesManifest(content: string): boolean {
  return ['apiVersion', 'kind'].every((field) => new RegExp(`^[\\s{]*["']?${field}["']?[ \\t]*:`, 'm').test(content));
}
