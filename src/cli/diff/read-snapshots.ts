import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { readManifestsOfCases } from '../files/case-files.ts';
import { buildKustomizations } from '../files/kustomizations.ts';
import { eachOnce } from '../files/manifest-sources.ts';
import { runProgram } from '../process/run-program.ts';
import type { DiffSettings } from './diff-options.ts';
import type { SnapshotNames } from './snapshot-names.ts';

/**
 * Reads the manifests of both snapshots, with those that they share.
 *
 * @throws MeshmockError `usage` for a path or a revision that does not exist
 */
export async function readSources(
  { manifests, before, after }: Pick<DiffSettings, 'manifests' | 'before' | 'after'>,
  signal: AbortSignal,
): Promise<{ readonly before: ManifestSource[]; readonly after: ManifestSource[] }> {
  const shared = readManifestsOfCases(manifests, await buildKustomizations(manifests, signal));
  return {
    before: eachOnce([...shared, ...(await readSnapshotSources(before, signal))]),
    after: eachOnce([...shared, ...(await readSnapshotSources(after, signal))]),
  };
}

/**
 * Reads the manifests of a snapshot. The working tree and the index of Git stay as they are.
 *
 * @throws MeshmockError `usage` with file, line and column for a file that is missing or wrong
 */
export async function readSnapshotSources(names: SnapshotNames, signal: AbortSignal): Promise<ManifestSource[]> {
  const sources = await (names.kind === 'files' ? readPaths(names.paths, signal) : readRevision(names, signal));
  parseManifests(sources);
  return sources;
}

async function readPaths(names: readonly string[], signal: AbortSignal): Promise<ManifestSource[]> {
  for (const name of names)
    if (name !== '-' && !existsSync(name) && isRevision(name))
      throw new MeshmockError('usage', `"${name}" is a revision of Git: write \`meshmock diff ${name} -- PATH\``);
  return readManifestsOfCases(names, await buildKustomizations(names, signal));
}

/** Reads paths of a revision from a copy of it in a temporary folder. */
async function readRevision(
  { revision, paths }: Extract<SnapshotNames, { kind: 'revision' }>,
  signal: AbortSignal,
): Promise<ManifestSource[]> {
  const tree = git(
    ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{tree}`],
    `"${revision}" is not a revision of this Git repository`,
  );
  const top = git(['rev-parse', '--show-toplevel'], 'this folder is not in a Git repository').toString().trim();
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-diff-'));
  try {
    checkOut(top, tree.toString().trim(), folder);
    const files = paths.map((given) => {
      const fromTop = path.relative(top, path.resolve(given));
      if (fromTop.startsWith('..'))
        throw new MeshmockError('usage', `${given}: this path is outside of the Git repository ${top}`);
      const inFolder = path.join(folder, fromTop);
      if (!existsSync(inFolder)) throw new MeshmockError('usage', `${revision}:${given}: no such file or folder`);
      return inFolder;
    });
    return await readNamed(files, { folder, revision }, signal);
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
    runProgram('git', ['-C', top, 'read-tree', tree], 'git read-tree failed', env);
    runProgram('git', ['-C', top, 'checkout-index', '--all', `--prefix=${folder}/`], 'git checkout-index failed', env);
  } finally {
    rmSync(path.dirname(index), { recursive: true, force: true });
  }
}

/** Reads paths of the copy. Errors name the revision instead of the temporary folder. */
async function readNamed(
  files: readonly string[],
  { folder, revision }: { readonly folder: string; readonly revision: string },
  signal: AbortSignal,
): Promise<ManifestSource[]> {
  const shown = (text: string): string =>
    text.replaceAll(`${folder}${path.sep}`, `${revision}:`).replaceAll(folder, `${revision}:`);
  try {
    return (await readPaths(files, signal)).map(({ name, text }) => ({ name: shown(name), text }));
  } catch (error) {
    if (error instanceof MeshmockError) throw new MeshmockError(error.code, shown(error.message));
    throw error;
  }
}

function git(args: readonly string[], problem: string): Buffer {
  return runProgram('git', args, problem);
}
