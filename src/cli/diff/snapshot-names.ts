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
 * @throws MeshmockError `usage`
 * @example
 * parseSnapshots(['v1..v2'], ['k8s/']).after; // { kind: 'revision', revision: 'v2', paths: ['k8s/'] }
 */
export function parseSnapshots(
  names: readonly string[],
  paths: readonly string[] | undefined,
): { readonly before: SnapshotNames; readonly after: SnapshotNames } {
  const [first, second, third] = names;
  if (third !== undefined) throw new MeshmockError('usage', `expected two snapshots, found a third: "${third}"`);
  if (paths === undefined) {
    if (first === undefined || second === undefined) throw new MeshmockError('usage', tooFewText(first));
    return { before: { kind: 'files', paths: [first] }, after: { kind: 'files', paths: [second] } };
  }
  if (first === undefined) throw new MeshmockError('usage', 'expected a revision before --, such as `main -- k8s/`');
  if (paths.length === 0) throw new MeshmockError('usage', 'expected a path after --, such as `main -- k8s/`');
  const revision = (name: string): SnapshotNames => ({ kind: 'revision', revision: name, paths });
  if (second !== undefined) return { before: revision(first), after: revision(second) };
  const [, from, to] = /^(.*?)\.\.\.?(.*)$/.exec(first) ?? [];
  if (from !== undefined && to !== undefined)
    return { before: revision(from === '' ? 'HEAD' : from), after: revision(to === '' ? 'HEAD' : to) };
  return { before: revision(first), after: { kind: 'files', paths } };
}

function tooFewText(first: string | undefined): string {
  if (first !== undefined && !existsSync(first))
    return `expected NEW after "${first}", or a path of its manifests: \`meshmock diff ${first} -- PATH\``;
  return 'expected OLD and NEW: two files or folders, or `REVISION -- PATH`';
}
