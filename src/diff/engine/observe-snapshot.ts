import type { ManifestSource } from '../../istio/resources/manifest.ts';
import { unanswered } from '../compare/compare-all.ts';
import type { NotCompared } from '../comparison.ts';
import { joinEdgeNotes } from '../edge-notes.ts';
import type { Observation } from '../observation.ts';
import { edgesOf } from '../pieces/edges.ts';
import type { Probe } from '../probe.ts';
import { planProbes } from '../probes/plan-probes.ts';
import { SecretMarks } from '../secret-values.ts';
import { ComparisonMesh, type ComparisonMeshOptions } from './comparison-mesh.ts';
import { leftOutNotes } from './mesh-notes.ts';
import { observe } from './observe-probe.ts';
import { outsideWorkload } from './probe-routes.ts';
import { sendProbes } from './probe-sender.ts';
import { readSnapshot } from './read-snapshot.ts';

export interface ObserveOptions {
  readonly sources: readonly ManifestSource[];
  readonly userAgent: string;
  /** Called when a phase begins. */
  readonly onPhase: (phase: string) => void;
  /** Called with notes of the mesh. */
  readonly onNote: (note: string) => void;
}

/** Requests to all edges of a snapshot, and what was seen of them. */
export interface SnapshotObservations {
  readonly probes: readonly Probe[];
  /** Observations by the id of their probe. */
  readonly observations: ReadonlyMap<string, Observation>;
  readonly notCompared: readonly NotCompared[];
  readonly secrets: SecretMarks;
}

/**
 * Starts a mesh with a snapshot, and sends the requests of all its edges.
 *
 * @throws MeshmockError if a manifest is refused, or if the mesh does not come up
 */
export async function observeSnapshot(
  options: ObserveOptions & ComparisonMeshOptions,
  signal: AbortSignal,
): Promise<SnapshotObservations> {
  const { sources, userAgent, onPhase, onNote } = options;
  onPhase('start the mesh');
  await using mesh = await ComparisonMesh.start(sources, options, signal);
  for (const note of leftOutNotes(mesh.report, sources, mesh.namespace)) onNote(note);
  onPhase('read the configuration');
  const snapshot = await readSnapshot(mesh.host, signal);
  const { toProbe, callers, notCompared } = edgesOf(snapshot, snapshot, {
    all: true,
    outside: `${mesh.namespace}/${outsideWorkload}`,
  });
  const secrets = new SecretMarks();
  const plan = planProbes(toProbe, callers, { canSignFor: () => true, isLive: false, secrets });
  const { probes, mirrors, callees } = plan;
  onPhase('send requests');
  const tokenParts = (probe: Probe) => mesh.keys.partsOf(probe);
  const answers = await sendProbes(probes, mesh, { userAgent, tokenParts, mirrors, callees }, signal);
  const observations = new Map([...answers].map(([id, seen]) => [id, observe(seen, secrets)]));
  const bothSides = new Map([...observations].map(([id, seen]) => [id, { before: seen, after: seen }]));
  const notes = joinEdgeNotes(unanswered(probes, bothSides, secrets), callers);
  return { probes, observations, notCompared: [...notCompared, ...plan.notCompared, ...notes], secrets };
}
