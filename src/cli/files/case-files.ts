import { existsSync, globSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Case, CaseFile } from '../../cases/case.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { type ManifestSource, parseManifests } from '../../istio/manifest.ts';
import { parseCaseFile } from './case-file.ts';
import { readManifestSources, readText } from './manifest-sources.ts';
import { isValidatorFile, parseValidatorFile } from './validator-file.ts';

/** Files of cases to read, and the settings that apply to all of them. */
export interface CaseFilesSettings {
  /** Files and folders. */
  readonly names: readonly string[];
  /** Manifests of every file, besides those that it names. */
  readonly manifests: readonly string[];
  /** Only cases with one of these texts in their names; every case if empty. */
  readonly only: readonly string[];
  /** Meshes that are running. */
  readonly entry: readonly unknown[];
  /** Timeout of a case that sets none, in milliseconds. */
  readonly timeout: number;
  /** Time to retry a case that sets none, in milliseconds. */
  readonly retryUntil: number | undefined;
}

/**
 * Reads files of cases, and leaves in them what `--only` says.
 *
 * @throws MeshmockError `usage`
 */
export function readCaseFiles(settings: CaseFilesSettings): CaseFile[] {
  const { names, only, entry } = settings;
  const read = [...new Set(names.flatMap(caseFilesOf))].map((name) => readCaseFile(name, settings));
  const left = only.length === 0 ? read : filesOfOnly(read, only);
  // Those of a running mesh are somebody else's, and need not be here.
  if (entry.length === 0) checkManifests(left);
  return left;
}

const inFolders = { exclude: ['**/node_modules'] };

function caseFilesOf(name: string): string[] {
  const stat = statSync(name, { throwIfNoEntry: false });
  if (stat === undefined) throw new MeshmockError('usage', `${name}: there is no such file or folder`);
  if (!stat.isDirectory()) return [name];
  const found = globSync('**/*.{yaml,yml}', { cwd: name, ...inFolders }).filter(isCaseFile);
  if (found.length === 0)
    throw new MeshmockError('usage', `${name}: this folder has no test.yaml, *.test.yaml or *_test.yaml in it`);
  return found.sort().map((file) => path.join(name, file));
}

/** Whether a file of a folder is read with it; `_test` is how istio-config-validator's users name theirs. */
export function isCaseFile(file: string): boolean {
  return /(?:^|[/._])test\.ya?ml$/.test(file);
}

/** The folders among names, and those below them: where files of cases may come and go. */
export function caseFolders(names: readonly string[]): string[] {
  const folders = names.filter((name) => statSync(name, { throwIfNoEntry: false })?.isDirectory());
  return folders.flatMap((name) => globSync('**/', { cwd: name, ...inFolders }).map((below) => path.join(name, below)));
}

function filesOfOnly(files: readonly CaseFile[], only: readonly string[]): CaseFile[] {
  const names = files.flatMap(({ before, cases, always }) => [...before, ...cases, ...always].map(({ name }) => name));
  const unknown = only.find((part) => !names.some((name) => hasPart(name, part)));
  if (unknown !== undefined)
    throw new MeshmockError(
      'usage',
      `--only: no case has "${unknown}" in its name; the nearest: ${nearest(unknown, names).join(', ')}`,
    );
  const meant = ({ name }: Case): boolean => only.some((part) => hasPart(name, part));
  return files
    .map((file) => ({
      ...file,
      before: file.before.filter(meant),
      cases: file.cases.filter(meant),
      always: file.always.filter(meant),
    }))
    .filter(({ before, cases, always }) => before.length + cases.length + always.length > 0);
}

/** Whoever remembers a name may not remember its capitals. */
function hasPart(name: string, part: string): boolean {
  return name.toLowerCase().includes(part.toLowerCase());
}

/** Those of names that have the most pairs of letters of a text. */
function nearest(part: string, names: readonly string[]): string[] {
  const text = part.toLowerCase();
  const pairs = Array.from({ length: text.length - 1 }, (_, index) => text.slice(index, index + 2));
  const shared = (name: string): number => pairs.filter((pair) => name.toLowerCase().includes(pair)).length;
  return [...new Set(names)]
    .toSorted((a, b) => shared(b) - shared(a))
    .slice(0, 3)
    .map((name) => `"${name}"`);
}

/** Before a mesh is brought up: what is missing or no YAML must not cost anybody that time. */
function checkManifests(files: readonly CaseFile[]): void {
  const named = new Set<string>();
  for (const { name, manifests, change } of files)
    for (const manifest of [...manifests, ...change]) {
      if (!existsSync(manifest)) throw new MeshmockError('usage', `${name}: there is no file or folder ${manifest}`);
      named.add(manifest);
    }
  parseManifests(readManifestsOfCases([...named]));
}

/**
 * Reads the manifests that files of cases name; in a folder both may stand side by side.
 *
 * @throws MeshmockError `usage`
 */
export function readManifestsOfCases(names: readonly string[]): ManifestSource[] {
  return readManifestSources(names, (file, text) => isCaseFile(file) && !isKubernetesManifest(text));
}

function readCaseFile(name: string, { timeout, retryUntil = 0, manifests }: CaseFilesSettings): CaseFile {
  const content = readText(name);
  if (isKubernetesManifest(content))
    throw new MeshmockError(
      'usage',
      `${name}: this is no file of cases but a Kubernetes manifest: did you mean a file with "manifests: [${path.basename(name)}]" and cases about it?`,
    );
  const parse = isValidatorFile(content) ? parseValidatorFile : parseCaseFile;
  const file = parse(content, name, { timeoutMs: timeout, retryUntilMs: retryUntil });
  return { ...file, manifests: [...manifests, ...file.manifests] };
}

function isKubernetesManifest(content: string): boolean {
  return ['apiVersion', 'kind'].every((field) => new RegExp(`^[\\s{]*["']?${field}["']?[ \\t]*:`, 'm').test(content));
}
