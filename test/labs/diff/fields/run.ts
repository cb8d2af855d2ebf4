/**
 * Changes fields of objects in three meshes and prints which changes `meshmock diff` reports:
 * `npm run test:diff:fields -- [COUNT] [TEXT]` for mutations of fields with TEXT in their names. The run fails if a
 * change is missed, or if a difference names no change of its edge as its cause or as one of several. MESHMOCK_TEST_SEED=N
 * repeats a run.
 */

import { compareIn } from '../../../../src/diff/engine/compare-snapshots.ts';
import { ComparisonMesh } from '../../../../src/diff/engine/comparison-mesh.ts';
import type { ManifestSource } from '../../../../src/istio/resources/manifest.ts';
import { installMeshTools } from '../../../../src/istio/tools/install-tools.ts';
import { Random } from '../../../random.ts';
import { differenceText, isWrong, type JudgedBatch, type JudgedMutation, judge, verdicts } from './judge.ts';
import { mutatedMeshes } from './meshes.ts';
import { type Batch, fieldMutations, planBatches } from './plan.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
const [countText = '200', text = ''] = process.argv.slice(2);
const seed = Number(process.env.MESHMOCK_TEST_SEED ?? Date.now() % 1_000_000);
const fields = fieldMutations.filter(({ kind, field }) => `${kind} ${field}`.includes(text));
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const batches = planBatches(await mutatedMeshes(), Number(countText), new Random(seed), fields);
const judged: JudgedMutation[] = [];
let unexplained = 0;
let failures = 0;
print(
  `MESHMOCK_TEST_SEED=${seed}: ${countText} mutations of ${fields.length} fields, in ${batches.length} comparisons`,
);
for (const [{ name, sources }, some] of Map.groupBy(batches, ({ mesh }) => mesh)) {
  if (stop.signal.aborted) break;
  await using mesh = await startMesh(sources);
  for (const [index, batch] of some.entries()) {
    if (stop.signal.aborted) break;
    const startedAt = performance.now();
    try {
      const found = await compareBatch(mesh, batch);
      print(`${name} ${index + 1} of ${some.length}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
      printBatch(found);
      judged.push(...found.mutations);
      unexplained += found.unexplained.length;
    } catch (error) {
      failures++;
      print(`${name} ${index + 1} of ${some.length}: ERROR ${(error as Error).message}`);
      for (const { mutation, site } of batch.mutations) print(`    ${mutation.kind} ${mutation.field} at ${site.name}`);
    }
  }
}
printTable();
const areSomeWrong = judged.some(({ verdict }) => isWrong(verdict));
process.exitCode = areSomeWrong || unexplained > 0 || failures > 0 || stop.signal.aborted ? 1 : 0;

async function startMesh(sources: readonly ManifestSource[]): Promise<ComparisonMesh> {
  const onProgramExit = (name: string, logs: string): void => void process.stderr.write(`${name} ended: see ${logs}\n`);
  const tools = await installMeshTools(stop.signal);
  const mesh = await ComparisonMesh.start(
    sources,
    { tools, namespace: 'default', istio: {}, onProgramExit },
    stop.signal,
  );
  return mesh;
}

async function compareBatch(mesh: ComparisonMesh, { mesh: { sources }, mutations }: Batch): Promise<JudgedBatch> {
  const side = (which: 'before' | 'after'): ManifestSource[] => [
    ...sources,
    ...mutations.map((placed) => ({ name: `${placed.site.name}.yaml`, text: placed[which] })),
  ];
  const options = { all: false, userAgent: 'meshmock', onPhase: () => {}, onNote: () => {} };
  const comparison = await compareIn(mesh, { before: side('before'), after: side('after'), ...options }, stop.signal);
  const found = judge(mutations, comparison);
  if (found.mutations.some(({ verdict }) => isWrong(verdict)))
    for (const { subject, reason } of comparison.notCompared) print(`    not compared: ${subject}: ${reason}`);
  return found;
}

function printBatch({ mutations, unexplained: without }: JudgedBatch): void {
  for (const { placed, verdict, found } of mutations) {
    print(`  ${verdict.padEnd(11)}  ${placed.mutation.kind} ${placed.mutation.field} at ${placed.site.name}`);
    for (const one of found.slice(0, verdict === 'reported' ? 1 : 5)) print(`      ${differenceText(one)}`);
    if (isWrong(verdict)) print(`${placed.before}\n  ->${placed.after}`);
  }
  for (const one of without) print(`  UNEXPLAINED ${differenceText(one)}`);
}

function printTable(): void {
  print(`\n${'kind'.padEnd(22)}${verdicts.map((one) => one.padStart(12)).join('')}`);
  const counts = (some: readonly JudgedMutation[]): string =>
    verdicts.map((one) => String(some.filter(({ verdict }) => verdict === one).length).padStart(12)).join('');
  for (const [kind, some] of Map.groupBy(judged, ({ placed }) => placed.mutation.kind))
    print(`${kind.padEnd(22)}${counts(some)}`);
  print(`${'all'.padEnd(22)}${counts(judged)}`);
  print(`${unexplained} differences that name no change of their edge as the cause, ${failures} comparisons failed`);
}
