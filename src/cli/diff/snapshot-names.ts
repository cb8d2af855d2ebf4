import { existsSync } from 'node:fs';
import { MeshmockError } from '../../error/meshmock-error.ts';

/** Place of the manifests of a snapshot. */
export type SnapshotNames =
  /** Files and folders as they are now. */
  | { readonly kind: 'files'; readonly paths: readonly string[] }
  /** Files and folders of a revision of the Git repository of this folder. */
  | { readonly kind: 'revision'; readonly revision: string; readonly paths: readonly string[] };

/**
 * Parses the operands of `meshmock diff`.
 *
 * @param names operands before `--`: OLD and NEW, or one or two revisions
 * @param paths paths after `--`, which mean that the operands are revisions; undefined without `--`
 * @param mayBeEqual true if a single file or folder is both OLD and NEW
 * @throws MeshmockError `usage`
 * @example
 * parseSnapshots(['v1..v2'], ['k8s/']).after; // { kind: 'revision', revision: 'v2', paths: ['k8s/'] }
 */
export function parseSnapshots(
  names: readonly string[],
  paths: readonly string[] | undefined,
  mayBeEqual = false,
): { readonly before: SnapshotNames; readonly after: SnapshotNames } {
  const [first, second, third] = names;
  if (third !== undefined) throw new MeshmockError('usage', `expected two snapshots, found a third: "${third}"`);
  if (paths === undefined) {
    if (mayBeEqual && second === undefined) {
      if (first === undefined)
        throw new MeshmockError('usage', 'expected the manifests of both meshes, or OLD and NEW');
      return { before: { kind: 'files', paths: [first] }, after: { kind: 'files', paths: [first] } };
    }
    if (first === undefined || second === undefined) throw new MeshmockError('usage', tooFewText(first));
    return { before: { kind: 'files', paths: [first] }, after: { kind: 'files', paths: [second] } };
  }
  if (first === undefined) throw new MeshmockError('usage', 'expected a revision before --, such as `main -- k8s/`');
  if (paths.length === 0) throw new MeshmockError('usage', 'expected a path after --, such as `main -- k8s/`');
  const revision = (name: string): SnapshotNames => ({ kind: 'revision', revision: name, paths });
  if (second !== undefined) return { before: revision(first), after: revision(second) };
  const range = rangeOf(first);
  if (range !== undefined) return { before: revision(range.from), after: revision(range.to) };
  return { before: revision(first), after: { kind: 'files', paths } };
}

/**
 * Returns the ends of `A..B`, which are HEAD if they are left out; undefined for a single revision.
 *
 * @throws MeshmockError `usage` for three dots, which mean the changes since two branches parted in Git
 */
function rangeOf(given: string): { readonly from: string; readonly to: string } | undefined {
  const [, first, dots, second] = /^(.*?)(\.{2,3})(.*)$/.exec(given) ?? [];
  if (dots === undefined) return undefined;
  const [from, to] = [first || 'HEAD', second || 'HEAD'];
  if (dots === '..') return { from, to };
  const command = `meshmock diff $(git merge-base ${from} ${to}) ${to} -- PATH`;
  throw new MeshmockError(
    'usage',
    `"${given}": expected two dots; the changes of ${to} since it left ${from} are \`${command}\``,
  );
}

function tooFewText(first: string | undefined): string {
  if (first !== undefined && !existsSync(first))
    return `expected NEW after "${first}", or a path of its manifests: \`meshmock diff ${first} -- PATH\``;
  return 'expected OLD and NEW: two files or folders, or `REVISION -- PATH`';
}
