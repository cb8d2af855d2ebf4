import type { CompareOptions } from '../../diff/engine/compare-snapshots.ts';
import type { ComparisonMeshOptions } from '../../diff/engine/comparison-mesh.ts';
import { optional } from '../../error/optional.ts';
import { installMeshTools } from '../../istio/tools/install-tools.ts';
import { type IstioOptionValues, readIstioSettings } from '../files/istio-settings.ts';
import { SharedProgress } from '../output/shared-progress.ts';
import { programVersion } from '../process/program-version.ts';

/** Options of a command whose mesh runs snapshots. */
interface SnapshotRunSettings extends IstioOptionValues {
  readonly maxReplicas: number | undefined;
}

/** Options of each run of snapshots: tools, settings of Istio, and reports of its progress. */
export type SnapshotRun = ComparisonMeshOptions & Pick<CompareOptions, 'userAgent' | 'onPhase' | 'onNote'>;

/**
 * Installs the tools of a local mesh, and runs snapshots in it. Progress and notes go to standard error.
 *
 * @param namespace namespace of objects that name none
 * @throws MeshmockError `usage` for a file of Istio's configuration that is missing, and errors of the run
 */
export async function runSnapshots<T>(
  namespace: string,
  { maxReplicas, ...settings }: SnapshotRunSettings,
  signal: AbortSignal,
  run: (options: SnapshotRun) => Promise<T>,
): Promise<T> {
  const progress = new SharedProgress(process.stderr, 'meshmock: ');
  let phase = 'install the tools';
  const end = progress.begin(() => phase);
  try {
    return await run({
      tools: await installMeshTools(signal),
      namespace,
      istio: readIstioSettings(settings),
      ...optional('maxReplicas', maxReplicas),
      userAgent: `meshmock/${programVersion()}`,
      onPhase: (name) => {
        phase = name;
      },
      onNote: (note) => process.stderr.write(`meshmock: ${note}\n`),
      onProgramExit: (name, logs) =>
        process.stderr.write(`meshmock: ${name} ended unexpectedly: see its log in ${logs}\n`),
    });
  } finally {
    end();
  }
}
