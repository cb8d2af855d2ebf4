import path from 'node:path';
import type { Comparison } from '../../diff/comparison.ts';
import type { Difference } from '../../diff/difference.ts';
import { needsFill, objectsOf, withServiceNames } from '../../diff/engine/service-names.ts';
import { caseOfDifference, writeCases } from '../../diff/written-cases/write-cases.ts';
import { optional } from '../../error/optional.ts';
import type { ManifestSource } from '../../istio/resources/manifest.ts';
import { type KubeObject, kubectlName } from '../../istio/resources/objects.ts';
import { writeNewFile } from '../files/new-file.ts';
import type { DiffSettings } from './diff-options.ts';

/** Manifests of both snapshots. */
export interface SnapshotSources {
  readonly before: readonly ManifestSource[];
  readonly after: readonly ManifestSource[];
}

/**
 * Writes the differences as cases for `meshmock test`; with `--all` everything that was seen.
 *
 * @returns notes for the user
 * @throws MeshmockError `usage` if the file cannot be written
 */
export function writeCaseFile(
  file: string,
  comparison: Comparison,
  { manifests, meshConfig, before, after, namespace, all, overwrite }: DiffSettings,
  sources: SnapshotSources,
): string[] {
  const fromFile = (names: readonly string[]): string[] =>
    names.map((name) => path.relative(path.dirname(file), name) || '.');
  const [earlier, later] = [objectsOf(sources.before), objectsOf(sources.after)];
  const removed = earlier.filter((one) => !later.some((other) => nameOf(other) === nameOf(one)));
  // A file of cases applies a change to manifests, and cannot remove objects or read a revision.
  const isChange = before.kind === 'files' && after.kind === 'files' && removed.length === 0;
  const { text, count, notWritten } = writeCases(named(comparison, later, namespace), {
    namespace,
    ...optional('meshConfig', meshConfig === undefined ? undefined : fromFile([meshConfig])[0]),
    needsFill: needsFill(comparison.probes, [...earlier, ...later], namespace),
    manifests: fromFile([...manifests, ...(isChange ? before : after).paths]),
    apply: isChange ? fromFile(after.paths) : [],
    isEverything: all,
    tokenOf: () => undefined,
    secrets: comparison.secrets,
  });
  writeNewFile(file, text, { overwrite });
  return [
    `${count} cases are in ${file}`,
    ...notWritten.map(({ subject, reason }) => `no case for ${subject}: ${reason}`),
  ];
}

/** Returns a function that writes the case of a difference, as it holds with the change. */
export function caseWriter(
  comparison: Comparison,
  { namespace }: Pick<DiffSettings, 'namespace'>,
  { after }: SnapshotSources,
): (difference: Difference) => string | undefined {
  let renamed: Comparison | undefined;
  return ({ probe }) => {
    renamed ??= named(comparison, objectsOf(after), namespace);
    const own = renamed.differences.find((one) => one.probe.id === probe.id);
    if (own === undefined) return undefined;
    const { secrets } = comparison;
    return caseOfDifference(own, renamed, { namespace, tokenOf: () => undefined, secrets });
  };
}

function nameOf(object: KubeObject): string {
  return `${kubectlName(object)} ${object.metadata.namespace ?? ''}`;
}

/** Names callers by their Services, as cases do. */
function named(comparison: Comparison, objects: readonly KubeObject[], namespace: string): Comparison {
  const probes = withServiceNames(comparison.probes, objects, namespace);
  const byId = new Map(probes.map((probe) => [probe.id, probe]));
  const differences = comparison.differences.map((one) => ({ ...one, probe: byId.get(one.probe.id) ?? one.probe }));
  return { ...comparison, probes, differences };
}
