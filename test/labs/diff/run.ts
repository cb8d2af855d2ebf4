/**
 * Compares pairs of snapshots in local meshes and prints which differences `meshmock diff` reports:
 * `npm run test:diff -- [TEXT…]` for pairs with TEXT in their names. A pair that is reported wrongly fails the run.
 */

import { readIstioSettings } from '../../../src/cli/files/istio-settings.ts';
import { compareIn } from '../../../src/diff/engine/compare-snapshots.ts';
import { ComparisonMesh } from '../../../src/diff/engine/comparison-mesh.ts';
import { reportLines } from '../../../src/diff/report/report-lines.ts';
import { installMeshTools } from '../../../src/istio/tools/install-tools.ts';
import { labPairs, type SnapshotPair } from './pairs.ts';
import { samplePairs } from './sample-pairs.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
const wanted = process.argv.slice(2);
const pairs = [...labPairs(), ...(await samplePairs())].filter(
  ({ name }) => wanted.length === 0 || wanted.some((text) => name.includes(text)),
);
const wrong: string[] = [];

for (const [settings, some] of Map.groupBy(pairs, ({ meshConfig, namespace }) => `${meshConfig} ${namespace}`)) {
  const [first] = some;
  if (first === undefined) throw new Error(`no pair has the settings ${settings}`);
  await using mesh = await meshFor(first);
  for (const pair of some) if (!stop.signal.aborted && !(await isRight(mesh, pair))) wrong.push(pair.name);
}
process.stdout.write(`\n${pairs.length - wrong.length} of ${pairs.length} pairs are reported rightly\n`);
for (const name of wrong) process.stdout.write(`wrong: ${name}\n`);
process.exitCode = wrong.length > 0 || stop.signal.aborted ? 1 : 0;

async function meshFor({ before, meshConfig, namespace }: SnapshotPair): Promise<ComparisonMesh> {
  const mesh = await ComparisonMesh.start(
    before,
    {
      tools: await installMeshTools(stop.signal),
      namespace,
      istio: readIstioSettings({ profile: undefined, istioValues: undefined, meshConfig }),
      onProgramExit: (name, logs) => process.stderr.write(`${name} ended: see ${logs}\n`),
    },
    stop.signal,
  );
  return mesh;
}

async function isRight(
  mesh: ComparisonMesh,
  { name, before, after, isDifferent, all, unseen }: SnapshotPair,
): Promise<boolean> {
  const startedAt = performance.now();
  try {
    const comparison = await compareIn(
      mesh,
      { before, after, all, userAgent: 'meshmock', onPhase: () => {}, onNote: () => {} },
      stop.signal,
    );
    const lines = reportLines(comparison);
    const { notCompared, counts } = comparison;
    const isReported = lines.length > 0;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const isListed = notCompared.some(({ reason }) => /differ/.test(reason));
    const verdict = verdictOf({ isReported, isListed }, isDifferent, unseen);
    process.stdout.write(
      `${verdict.padEnd(11)} ${seconds.padStart(5)} s  ${String(counts.requests).padStart(4)} requests  ${name}\n`,
    );
    for (const { severity, edge, requests, from, to, cause } of lines)
      process.stdout.write(`              ${severity}: ${edge} ${requests}: ${from} → ${to}  ${cause}\n`);
    if (!isReported)
      for (const { subject, reason } of notCompared)
        process.stdout.write(`              not compared: ${subject}: ${reason}\n`);
    return verdict !== 'MISSED' && verdict !== 'FALSE ALARM';
  } catch (error) {
    process.stdout.write(`ERROR ${name}: ${(error as Error).message}\n`);
    return false;
  }
}

/** Returns `listed` if the report says that the configuration differs where no request shows it. */
function verdictOf(
  { isReported, isListed }: { readonly isReported: boolean; readonly isListed: boolean },
  isDifferent: boolean,
  unseen: string | undefined,
): string {
  if (isReported === isDifferent) return 'right';
  if (isReported) return 'FALSE ALARM';
  if (isListed) return 'listed';
  return unseen === undefined ? 'MISSED' : 'not seen';
}
