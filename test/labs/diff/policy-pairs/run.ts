/**
 * Compares the connections that `meshmock diff` finds added and removed with those of network-config-analyzer, for pairs of
 * AuthorizationPolicies: `NCA=PATH npm run test:diff:policies -- [COUNT]`, with the path of its program `nca`
 * (`pip install network-config-analyzer==2.1`). A connection that only the analyzer finds fails the run. MESHMOCK_TEST_SEED=N repeats a run.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Comparison } from '../../../../src/diff/comparison.ts';
import type { Difference } from '../../../../src/diff/difference.ts';
import { compareIn } from '../../../../src/diff/engine/compare-snapshots.ts';
import { ComparisonMesh } from '../../../../src/diff/engine/comparison-mesh.ts';
import type { Caller, Probe } from '../../../../src/diff/probe.ts';
import type { ManifestSource } from '../../../../src/istio/resources/manifest.ts';
import { installMeshTools } from '../../../../src/istio/tools/install-tools.ts';
import { Random } from '../../../random.ts';
import { workloads } from '../fields/meshes.ts';
import { analyzedChanges, type ConnectionChange, outside } from './analyzer.ts';
import { type PolicyPair, policyPairs, workloadNames } from './pairs.ts';

const { NCA: program } = process.env;
if (program === undefined) throw new Error('NCA must be the path of nca, of network-config-analyzer 2.1');
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
const [countText = '100'] = process.argv.slice(2);
const seed = Number(process.env.MESHMOCK_TEST_SEED ?? Date.now() % 1_000_000);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const shared: ManifestSource = {
  name: 'mesh.yaml',
  text: workloadNames.map((name) => workloads(name, {})).join('\n---\n'),
};
const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-policies-'));
const totals = { both: 0, ours: 0, theirs: 0, byModel: 0, pairs: 0 };
try {
  print(`MESHMOCK_TEST_SEED=${seed}`);
  await using mesh = await startMesh();
  for (const [index, pair] of policyPairs(Number(countText), new Random(seed)).entries()) {
    if (stop.signal.aborted) break;
    await comparePair(mesh, pair, index);
  }
} finally {
  rmSync(folder, { recursive: true });
}
print(
  `\n${totals.pairs} pairs: ${totals.both} changed connections found by both, ${totals.ours} by meshmock diff only, ${totals.byModel} by the analyzer because of its model, ${totals.theirs} by the analyzer for another reason`,
);
process.exitCode = totals.theirs > 0 || stop.signal.aborted ? 1 : 0;

async function startMesh(): Promise<ComparisonMesh> {
  const tools = await installMeshTools(stop.signal);
  const onProgramExit = (name: string, logs: string): void => void process.stderr.write(`${name} ended: see ${logs}\n`);
  const mesh = await ComparisonMesh.start(
    [shared],
    { tools, namespace: 'default', istio: {}, onProgramExit },
    stop.signal,
  );
  return mesh;
}

async function comparePair(mesh: ComparisonMesh, pair: PolicyPair, index: number): Promise<void> {
  const side = (text: string): ManifestSource[] => [shared, { name: 'policies.yaml', text }];
  const options = { all: false, userAgent: 'meshmock', onPhase: () => {}, onNote: () => {} };
  const startedAt = performance.now();
  const comparison = await compareIn(
    mesh,
    { before: side(pair.before), after: side(pair.after), ...options },
    stop.signal,
  );
  const ours = ourChanges(comparison);
  const theirs = analyzedChanges(program ?? '', pair, folder);
  const [both, onlyOurs] = [
    [...ours.keys()].filter((one) => theirs.has(one)),
    [...ours.keys()].filter((one) => !theirs.has(one)),
  ];
  const onlyTheirs = [...theirs.keys()].filter((one) => !ours.has(one));
  totals.pairs++;
  totals.both += both.length;
  totals.ours += onlyOurs.length;
  totals.byModel += onlyTheirs.filter((one) => isOfModel(one, pair)).length;
  totals.theirs += onlyTheirs.filter((one) => !isOfModel(one, pair)).length;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  print(`${index + 1}: ${seconds} s, ${both.length} by both, ${onlyOurs.length} ours, ${onlyTheirs.length} theirs`);
  for (const one of onlyTheirs) {
    const count = comparison.probes.filter((probe) => isOf(probe, one)).length;
    print(`    THEIRS ${one}: ${theirs.get(one)?.join(' ')}`);
    print(`        Envoy answers ${count} requests of this caller as before${isOfModel(one, pair) ? ' (model)' : ''}`);
  }
  for (const one of onlyOurs) print(`    ours ${one}: ${ours.get(one)?.slice(0, 3).join(', ')}`);
  if (onlyTheirs.length + onlyOurs.length > 0) print(`${pair.before}\n  ->${pair.after}`);
}

/**
 * Reports whether the analyzer finds a change because of its model: in it, a caller without an identity does not satisfy
 * `notPrincipals`. It does in Istio, so that such a rule decides about it.
 */
function isOfModel(change: ConnectionChange, { before, after }: PolicyPair): boolean {
  return change.includes(` ${outside} →`) && `${before}${after}`.includes('notPrincipals');
}

function isOf({ speaksFor, destination }: Probe, change: ConnectionChange): boolean {
  return speaksFor.some((caller) => change.endsWith(` ${nameOf(caller)} → ${destination.name}`));
}

/** Returns the connections whose requests were refused on one side only, each with its requests. */
function ourChanges({ differences }: Comparison): Map<ConnectionChange, string[]> {
  const changes = new Map<ConnectionChange, string[]>();
  for (const { kind, probe } of differences.filter(isDecision))
    for (const caller of probe.speaksFor) {
      const change = `${kind === 'allowed' ? 'added' : 'removed'} ${nameOf(caller)} → ${probe.destination.name}`;
      changes.set(change, [...(changes.get(change) ?? []), `${probe.request.method} ${probe.request.path}`]);
    }
  return changes;
}

function isDecision({ kind }: Difference): boolean {
  return kind === 'allowed' || kind === 'refused';
}

function nameOf(caller: Caller): string {
  return caller.kind === 'workload' ? caller.name.replace(/-v1$/, '') : outside;
}
