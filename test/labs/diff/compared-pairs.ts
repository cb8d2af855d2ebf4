import { readIstioSettings } from '../../../src/cli/files/istio-settings.ts';
import { compareIn } from '../../../src/diff/engine/compare-snapshots.ts';
import { ComparisonMesh } from '../../../src/diff/engine/comparison-mesh.ts';
import { installMeshTools } from '../../../src/istio/tools/install-tools.ts';
import type { SnapshotPair } from './pairs.ts';
import { type PairRecord, type Records, recordOf } from './record.ts';

/** A pair that is compared for the n-th time. */
export interface Turn {
  readonly pair: SnapshotPair;
  readonly repetition: number;
  /** True if requests are sent where nothing differs too. */
  readonly all: boolean;
}

/**
 * Compares pairs one after another, those with the same settings in one mesh, and yields their results. Results that the
 * records have are not made again. A mesh in which a comparison failed is replaced.
 */
export async function* comparePairs(
  turns: readonly Turn[],
  records: Records,
  signal: AbortSignal,
): AsyncGenerator<{ readonly pair: SnapshotPair; readonly record: PairRecord }> {
  for (const some of Map.groupBy(turns, ({ pair }) => `${pair.meshConfig} ${pair.namespace}`).values()) {
    const kept = new KeptMesh(signal);
    try {
      for (const turn of some) {
        const { pair, repetition } = turn;
        if (signal.aborted) return;
        const known = records.get(pair.name, repetition);
        if (known !== undefined) {
          yield { pair, record: known };
          continue;
        }
        const record = { name: pair.name, repetition, ...(await compared(kept, turn, signal)) };
        if (signal.aborted) return;
        records.add(record);
        yield { pair, record };
      }
    } finally {
      await kept.end();
    }
  }
}

/** Mesh that starts with the first pair that needs it. */
class KeptMesh {
  private mesh: ComparisonMesh | undefined;
  private readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  async for({ before, meshConfig, namespace }: SnapshotPair): Promise<ComparisonMesh> {
    if (this.mesh !== undefined) return this.mesh;
    const options = {
      tools: await installMeshTools(this.signal),
      namespace,
      istio: readIstioSettings({ profile: undefined, istioValues: undefined, meshConfig }),
      onProgramExit: (name: string, logs: string) => void process.stderr.write(`${name} ended: see ${logs}\n`),
    };
    this.mesh = await ComparisonMesh.start(before, options, this.signal);
    return this.mesh;
  }

  async end(): Promise<void> {
    const { mesh } = this;
    this.mesh = undefined;
    await mesh?.[Symbol.asyncDispose]();
  }
}

async function compared(
  kept: KeptMesh,
  { pair, all }: Turn,
  signal: AbortSignal,
): Promise<Omit<PairRecord, 'name' | 'repetition'>> {
  const startedAt = performance.now();
  const seconds = (): number => Math.round((performance.now() - startedAt) / 100) / 10;
  const { before, after } = pair;
  try {
    const options = { before, after, all, userAgent: 'meshmock', onPhase: () => {}, onNote: () => {} };
    const found = recordOf(await compareIn(await kept.for(pair), options, signal));
    return { seconds: seconds(), ...found };
  } catch (error) {
    await kept.end();
    return { seconds: seconds(), requests: 0, lines: [], notCompared: [], error: (error as Error).message };
  }
}
