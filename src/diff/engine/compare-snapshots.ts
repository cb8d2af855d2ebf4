import { setTimeout as sleep } from 'node:timers/promises';
import { type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { CauseFinder } from '../causes/cause-finder.ts';
import { unseenObjects } from '../causes/unseen-objects.ts';
import { allDifferences, unanswered } from '../compare/compare-all.ts';
import { testFalseAlarmRate } from '../compare/shares.ts';
import type { Comparison } from '../comparison.ts';
import { joinEdgeNotes } from '../edge-notes.ts';
import type { Observation } from '../observation.ts';
import { edgesOf } from '../pieces/edges.ts';
import type { Probe } from '../probe.ts';
import { changedEdgesOf } from '../probes/changed-edges.ts';
import { keptConnectionMs, mayKeepConnections } from '../probes/kept-connections.ts';
import { planProbes } from '../probes/plan-probes.ts';
import { isUnshown } from '../probes/unshown-edges.ts';
import { SecretMarks } from '../secret-values.ts';
import { ComparisonMesh, type ComparisonMeshOptions } from './comparison-mesh.ts';
import { leftOutNotes, newNotes, unresolvedNotes } from './mesh-notes.ts';
import { observe } from './observe-probe.ts';
import { Phases } from './phases.ts';
import { outsideWorkload } from './probe-routes.ts';
import { sendProbes } from './probe-sender.ts';
import { readSnapshot } from './read-snapshot.ts';
import { changedKeys } from './token-keys.ts';
import { unrunObjects } from './unrun-objects.ts';

export interface CompareOptions {
  readonly before: readonly ManifestSource[];
  readonly after: readonly ManifestSource[];
  /** True to probe edges whose configuration is equal too. */
  readonly all: boolean;
  readonly userAgent: string;
  /** Called when a phase begins. */
  readonly onPhase: (phase: string) => void;
  /** Called with warnings and notes of the mesh. */
  readonly onNote: (note: string) => void;
}

/**
 * Compares the behaviour of a mesh with two snapshots: starts it with the old one, turns it into the new one, and sends
 * requests where the configuration of a proxy differs.
 *
 * @throws MeshmockError if a manifest is refused, or if the mesh does not come up
 */
export async function compareSnapshots(
  options: CompareOptions & ComparisonMeshOptions,
  signal: AbortSignal,
): Promise<Comparison> {
  const phases = new Phases(options.onPhase);
  await using mesh = await phases.run('start the mesh with OLD', () =>
    ComparisonMesh.start(options.before, { ...options, later: options.after }, signal),
  );
  for (const note of leftOutNotes(mesh.report, options.before, mesh.namespace)) options.onNote(note);
  const comparison = await compareIn(mesh, options, signal);
  return { ...comparison, phases: [...phases.ended, ...comparison.phases] };
}

/**
 * Compares two snapshots in a mesh that runs. It has one of them at the end.
 *
 * @throws MeshmockError if a manifest is refused
 */
export async function compareIn(
  mesh: ComparisonMesh,
  options: CompareOptions,
  signal: AbortSignal,
): Promise<Comparison> {
  const phases = new Phases(options.onPhase);
  if (!mesh.has(options.before)) await phases.run('apply OLD', () => mesh.turnInto(options.before, signal));
  const before = await phases.run('read the configuration', () => readSnapshot(mesh.host, signal));
  const reportBefore = mesh.report;
  await phases.run('apply NEW', () => mesh.turnInto(options.after, signal));
  const { leftOut, warnings } = newNotes(reportBefore, mesh.report, options.after, mesh.namespace);
  for (const note of [...leftOut, ...warnings.map((warning) => `warning: ${warning}`)]) options.onNote(note);
  const after = await phases.run('read the new configuration', () =>
    readSnapshot(mesh.host, signal, before.unresolved),
  );
  for (const note of unresolvedNotes(after.unresolved.union(before.unresolved))) options.onNote(note);
  const secrets = new SecretMarks();
  const { edges, plan } = await phases.run('compare the configuration', async () => {
    const outside = `${mesh.namespace}/${outsideWorkload}`;
    const found = edgesOf(before, after, { all: options.all, outside });
    const settings = { canSignFor: () => true, isLive: false, secrets };
    return { edges: found, plan: planProbes(found.toProbe, found.callers, settings) };
  });
  const objects = { before: parseManifests(options.before), after: parseManifests(options.after) };
  const finder = new CauseFinder(objects.before, objects.after, mesh.namespace, secrets);
  const { probes } = plan;
  const observations = new Map<string, { readonly before: Observation; readonly after: Observation }>();
  if (probes.length > 0) {
    const { userAgent } = options;
    const sending = {
      userAgent,
      tokenParts: (probe: Probe) => mesh.keys.partsOf(probe),
      mirrors: plan.mirrors,
      callees: plan.callees,
    };
    const later = await phases.run('send requests to NEW', () => sendProbes(probes, mesh, sending, signal));
    const connectionsEnd = edges.toProbe.some(mayKeepConnections)
      ? sleep(keptConnectionMs, undefined, { signal })
      : Promise.resolve();
    await phases.run('apply OLD again', () => Promise.all([mesh.turnInto(options.before, signal), connectionsEnd]));
    const earlier = await phases.run('send requests to OLD', () => sendProbes(probes, mesh, sending, signal));
    for (const { id } of probes) {
      const [old, changed] = [earlier.get(id), later.get(id)];
      if (old !== undefined && changed !== undefined)
        observations.set(id, { before: observe(old, secrets), after: observe(changed, secrets) });
    }
  }
  const falseAlarmRate = testFalseAlarmRate(probes.length);
  const differences = allDifferences(probes, observations, {
    falseAlarmRate,
    secrets,
    causesOf: finder.forProbes(plan.objects),
  });
  return {
    counts: {
      edges: edges.edges,
      changedEdges: edges.changedEdges,
      gateways: edges.gateways,
      changedGateways: edges.changedGateways,
      requests: probes.length,
    },
    secrets,
    probes,
    changedEdges: changedEdgesOf(edges.toProbe, differences, edges.callers),
    callers: edges.callers,
    differences,
    notCompared: [
      ...unseenObjects(finder.changed, differences, edges.toProbe.some(isUnshown(differences))),
      ...edges.notCompared,
      ...plan.notCompared,
      ...joinEdgeNotes(unanswered(probes, observations, secrets), edges.callers),
      ...probes
        .filter(({ id }) => !observations.has(id))
        .map(({ destination, mode }) => ({
          subject: `${destination.name}: a callee for requests of the kind "${mode.kind}"`,
          reason: 'no mock receives these requests',
        })),
      ...unrunObjects(objects.before, objects.after, mesh.namespace),
      ...changedKeys(
        objects.before.map(({ object }) => object),
        objects.after.map(({ object }) => object),
      ),
    ],
    warnings,
    phases: phases.ended,
    observations,
  };
}
