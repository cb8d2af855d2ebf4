import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Caller, Comparison, Difference, Probe } from '../../diff/model.ts';
import { caseOfDifference, writeCases } from '../../diff/written-cases/write-cases.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { isService, type KubeObject, kubectlName, type Service, selects } from '../../istio/resources/objects.ts';
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
  { manifests, before, after, namespace, all }: DiffSettings,
  sources: SnapshotSources,
): string[] {
  const fromFile = (names: readonly string[]): string[] =>
    names.map((name) => path.relative(path.dirname(file), name) || '.');
  const [earlier, later] = [objectsOf(sources.before), objectsOf(sources.after)];
  const removed = earlier.filter((one) => !later.some((other) => nameOf(other) === nameOf(one)));
  // A file of cases applies a change to manifests, and cannot remove objects or read a revision.
  const isChange = before.kind === 'files' && after.kind === 'files' && removed.length === 0;
  const { text, count, notWritten } = writeCases(withServiceNames(comparison, later, namespace), {
    namespace,
    manifests: fromFile([...manifests, ...(isChange ? before : after).paths]),
    apply: isChange ? fromFile(after.paths) : [],
    isEverything: all,
    tokenOf: () => undefined,
  });
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new MeshmockError('usage', `--write: ${(error as Error).message}`);
  }
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
  let named: Comparison | undefined;
  return ({ probe }) => {
    named ??= withServiceNames(comparison, objectsOf(after), namespace);
    const own = named.differences.find((one) => one.probe.id === probe.id);
    return own === undefined ? undefined : caseOfDifference(own, named, { namespace, tokenOf: () => undefined });
  };
}

function objectsOf(sources: readonly ManifestSource[]): KubeObject[] {
  return parseManifests(sources).map(({ object }) => object);
}

function nameOf(object: KubeObject): string {
  return `${kubectlName(object)} ${object.metadata.namespace ?? ''}`;
}

/** Names callers by their Services, as cases do. */
function withServiceNames(comparison: Comparison, objects: readonly KubeObject[], namespace: string): Comparison {
  const services = objects.filter(isService);
  const named = (caller: Caller): Caller => {
    if (caller.kind !== 'workload') return caller;
    const service = services.find((one) => isOf(one, caller, namespace));
    return service === undefined ? caller : { ...caller, name: service.metadata.name };
  };
  const probeOf = (probe: Probe): Probe => ({ ...probe, caller: named(probe.caller) });
  return {
    ...comparison,
    probes: comparison.probes.map(probeOf),
    differences: comparison.differences.map((one) => ({ ...one, probe: probeOf(one.probe) })),
  };
}

function isOf(
  { metadata, spec }: Service,
  { namespace, labels }: Extract<Caller, { kind: 'workload' }>,
  defaultNamespace: string,
): boolean {
  return (metadata.namespace ?? defaultNamespace) === namespace && selects(spec.selector, labels);
}
