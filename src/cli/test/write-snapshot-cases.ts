import path from 'node:path';
import { observeSnapshot } from '../../diff/engine/observe-snapshot.ts';
import { needsFill, objectsOf, withServiceNames } from '../../diff/engine/service-names.ts';
import { writeSnapshotCases } from '../../diff/written-cases/write-cases.ts';
import { optional } from '../../error/optional.ts';
import { type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { runSnapshots } from '../diff/snapshot-run.ts';
import { readManifestsOfCases } from '../files/case-files.ts';
import { checkNamedSources, checkNewFile, writeNewFile } from '../files/new-file.ts';
import type { TestSettings } from './test-options.ts';

/** Namespace of objects without one, as in files of cases. */
const namespace = 'default';

/** Settings of a file of cases to write. */
type WriteSettings = TestSettings & { readonly write: string };

/**
 * Reads the manifests for which cases are written.
 *
 * @throws MeshmockError `usage` with file, line and column for a wrong manifest, and if the file of cases exists
 */
export function readSnapshot(settings: WriteSettings): ManifestSource[] {
  checkNewFile(settings.write, settings);
  const sources = readManifestsOfCases([...settings.names, ...settings.manifests]);
  checkNamedSources(settings.write, sources);
  parseManifests(sources);
  return sources;
}

/**
 * Sends requests to all edges of a mesh with some manifests, and writes what was seen as cases.
 *
 * @throws MeshmockError if the mesh refuses a manifest or does not come up, or if the file cannot be written
 */
export async function writeCasesOf(
  sources: readonly ManifestSource[],
  settings: WriteSettings,
  signal: AbortSignal,
): Promise<void> {
  const { write: file, names, manifests, meshConfig, overwrite } = settings;
  const { probes, observations, notCompared, secrets } = await runSnapshots(namespace, settings, signal, (run) =>
    observeSnapshot({ ...run, sources }, signal),
  );
  const fromFile = (name: string): string => path.relative(path.dirname(file), name) || '.';
  const objects = objectsOf(sources);
  const { text, count, notWritten } = writeSnapshotCases(withServiceNames(probes, objects, namespace), observations, {
    namespace,
    manifests: [...names, ...manifests].map(fromFile),
    ...optional('meshConfig', meshConfig === undefined ? undefined : fromFile(meshConfig)),
    needsFill: needsFill(probes, objects, namespace),
    apply: [],
    isEverything: true,
    tokenOf: () => undefined,
    secrets,
  });
  writeNewFile(file, text, { overwrite });
  for (const { subject, reason } of [...notCompared, ...notWritten])
    process.stderr.write(`meshmock: no case for ${subject}: ${reason}\n`);
  process.stdout.write(`${count} cases are in ${file}\n`);
}
