import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { isCaseFile } from '../files/case-files.ts';
import { readManifestSources } from '../files/manifest-sources.ts';
import type { SnapshotNames } from './snapshot-names.ts';

/**
 * Reads the manifests of a snapshot. The working tree and the index of Git stay as they are.
 *
 * @throws MeshmockError `usage` with file, line and column for a file that is missing or wrong
 */
export function readSnapshotSources(names: SnapshotNames): ManifestSource[] {
  const sources = names.kind === 'files' ? names.paths.flatMap(readPath) : readRevision(names);
  parseManifests(sources);
  return sources;
}

const kustomizations = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

function readPath(name: string): ManifestSource[] {
  const stat = statSync(name, { throwIfNoEntry: false });
  if (stat === undefined && isRevision(name))
    throw new MeshmockError('usage', `"${name}" is a revision of Git: write \`meshmock diff ${name} -- PATH\``);
  const isFolder = name !== '-' && stat?.isDirectory() === true;
  if (!isFolder) return readManifestSources([name]);
  const isKustomization = kustomizations.some((file) => existsSync(path.join(name, file)));
  if (isKustomization) return [{ name: path.join(name, 'kustomization.yaml'), text: buildKustomization(name) }];
  return readManifestSources([name], (file, text) => isCaseFile(file) && !/^\s*apiVersion\s*:/m.test(text));
}

function buildKustomization(folder: string): string {
  return run('kubectl', ['kustomize', folder], `${folder}: a kustomization needs kubectl`).toString();
}

/** Reads paths of a revision from a copy of it in a temporary folder. */
function readRevision({ revision, paths }: Extract<SnapshotNames, { kind: 'revision' }>): ManifestSource[] {
  const tree = git(
    ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{tree}`],
    `"${revision}" is not a revision of this Git repository`,
  );
  const top = git(['rev-parse', '--show-toplevel'], 'this folder is not in a Git repository').toString().trim();
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-diff-'));
  try {
    checkOut(top, tree.toString().trim(), folder);
    return paths.flatMap((given) => {
      const fromTop = path.relative(top, path.resolve(given));
      if (fromTop.startsWith('..'))
        throw new MeshmockError('usage', `${given}: this path is outside of the Git repository ${top}`);
      const inFolder = path.join(folder, fromTop);
      if (!existsSync(inFolder)) throw new MeshmockError('usage', `${revision}:${given}: no such file or folder`);
      return readNamed(inFolder, folder, revision);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reports whether a name that is not a file is a revision, or a range of them. */
function isRevision(name: string): boolean {
  const revision = name.replace(/\.\..*$/, '') || 'HEAD';
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{tree}`];
  return spawnSync('git', args).status === 0;
}

/**
 * Writes the files of a tree into a folder: all of them, since a kustomization may refer to other folders. `git archive`
 * is not enough, because it leaves out files with the attribute `export-ignore`.
 */
function checkOut(top: string, tree: string, folder: string): void {
  const index = path.join(mkdtempSync(path.join(tmpdir(), 'meshmock-index-')), 'index');
  const env = { ...process.env, GIT_INDEX_FILE: index };
  try {
    run('git', ['-C', top, 'read-tree', tree], 'git read-tree failed', env);
    run('git', ['-C', top, 'checkout-index', '--all', `--prefix=${folder}/`], 'git checkout-index failed', env);
  } finally {
    rmSync(path.dirname(index), { recursive: true, force: true });
  }
}

/** Reads a path of the copy. Errors name the revision instead of the temporary folder. */
function readNamed(file: string, folder: string, revision: string): ManifestSource[] {
  const shown = (text: string): string =>
    text.replaceAll(`${folder}${path.sep}`, `${revision}:`).replaceAll(folder, `${revision}:`);
  try {
    return readPath(file).map(({ name, text }) => ({ name: shown(name), text }));
  } catch (error) {
    if (error instanceof MeshmockError) throw new MeshmockError(error.code, shown(error.message));
    throw error;
  }
}

function git(args: readonly string[], problem: string): Buffer {
  return run('git', args, problem);
}

const mostBytes = 1024 * 1024 * 1024;

/** Runs a program to its end. @throws MeshmockError `usage` with its standard error */
function run(program: string, args: readonly string[], problem: string, env = process.env): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, args, { maxBuffer: mostBytes, env });
  if (error !== undefined) throw new MeshmockError('machine', `${problem}: ${error.message}`);
  if (status === 0) return stdout;
  const detail = stderr.toString().trim();
  throw new MeshmockError('usage', detail === '' ? problem : `${problem}: ${detail}`);
}
