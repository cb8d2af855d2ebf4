import { MeshmockError } from '../../error/meshmock-error.ts';
import { parseManifests } from '../../istio/resources/manifest.ts';
import { callerKey } from '../caller-text.ts';
import { CauseFinder } from '../causes/cause-finder.ts';
import { unseenObjects } from '../causes/unseen-objects.ts';
import { allDifferences, unanswered } from '../compare/compare-all.ts';
import { testFalseAlarmRate } from '../compare/shares.ts';
import type { Comparison, ComparisonCounts, NotCompared } from '../comparison.ts';
import { joinEdgeNotes } from '../edge-notes.ts';
import type { CompareOptions } from '../engine/compare-snapshots.ts';
import { ComparisonMesh, type ComparisonMeshOptions } from '../engine/comparison-mesh.ts';
import { leftOutNotes } from '../engine/mesh-notes.ts';
import { Phases } from '../engine/phases.ts';
import { outsideWorkload } from '../engine/probe-routes.ts';
import { readSnapshot } from '../engine/read-snapshot.ts';
import { type Edge, type EdgeSet, edgesOf } from '../pieces/edges.ts';
import type { MeshSnapshot } from '../pieces/mesh-snapshot.ts';
import type { Probe } from '../probe.ts';
import { type ProbePlan, planProbes } from '../probes/plan-probes.ts';
import { isUnshown } from '../probes/unshown-edges.ts';
import { SecretMarks } from '../secret-values.ts';
import { checkEntries, type EntryPairs } from './live-entries.ts';
import { LiveMesh } from './live-mesh.ts';
import { callsOf, type LiveResults, observationsOf, undirected, unreachedCallers } from './live-results.ts';
import { type LiveResult, sendLiveProbes } from './live-sender.ts';

export type CompareLiveOptions = Omit<CompareOptions, 'all'> & ComparisonMeshOptions & { readonly entries: EntryPairs };

/**
 * Compares two running meshes by the answers to requests. A local mesh with the manifests shows which requests their
 * conditions distinguish. All of these are sent, since the configuration of the running meshes is not known.
 *
 * @throws MeshmockError if a manifest is refused, or if an entry does not answer
 */
export async function compareLive(options: CompareLiveOptions, signal: AbortSignal): Promise<Comparison> {
  const { entries, userAgent, onPhase, namespace } = options;
  const phases = new Phases(onPhase);
  await phases.run('call the entries', () => checkEntries(entries, userAgent, signal));
  const snapshots = await phases.run('run the manifests in a local mesh', () => readSnapshots(options, signal));
  const edges = edgesOf(snapshots.before, snapshots.after, {
    all: true,
    eachCaller: true,
    outside: `${namespace}/${outsideWorkload}`,
  });
  const meshes = {
    before: new LiveMesh(entries.before, snapshots.before, namespace),
    after: new LiveMesh(entries.after, snapshots.after, namespace),
  };
  checkNames(meshes.before, meshes.after);
  const { reached, unreached } = byWay(edges.toProbe, meshes);
  const secrets = new SecretMarks();
  const plan = planProbes(reached, edges.callers, { canSignFor: () => false, isLive: true, secrets });
  const send = (side: 'before' | 'after'): Promise<Map<string, LiveResult>> =>
    sendLiveProbes(plan.probes, meshes[side], userAgent, signal);
  const results = {
    before: await phases.run('send requests to OLD', () => send('before')),
    after: await phases.run('send requests to NEW', () => send('after')),
  };
  return { ...comparisonOf(options, { edges, plan, unreached, secrets }, results), phases: phases.ended };
}

/** Divides edges into those whose caller has an entry in both meshes, and those that get no requests. */
function byWay(
  edges: readonly Edge[],
  { before, after }: { readonly before: LiveMesh; readonly after: LiveMesh },
): { readonly reached: readonly Edge[]; readonly unreached: readonly NotCompared[] } {
  const reasonFor = ({ caller }: Edge): string | undefined =>
    [before.wayTo(caller), after.wayTo(caller)].flatMap((way) => (way.kind === 'none' ? way.reason : []))[0];
  const unreached = edges.flatMap((edge) => {
    const reason = reasonFor(edge);
    return reason === undefined ? [] : [[callsOf(edge.caller), reason] as const];
  });
  return {
    reached: edges.filter((edge) => reasonFor(edge) === undefined),
    unreached: [...new Map(unreached)].map(([subject, reason]) => ({ subject, reason })),
  };
}

/** @throws MeshmockError `usage` for an entry whose name neither side's manifests have */
function checkNames(before: LiveMesh, after: LiveMesh): void {
  const unknown = new Set(after.unknownEntries().map(({ name }) => name));
  const wrong = before.unknownEntries().find(({ name }) => unknown.has(name));
  if (wrong !== undefined)
    throw new MeshmockError(
      'usage',
      `--entry ${wrong.name ?? ''}=URL: the manifests have no Service, workload or gateway of this name`,
    );
}

/** Reads the configuration that the manifests of both sides have in a local mesh. */
async function readSnapshots(
  options: CompareLiveOptions,
  signal: AbortSignal,
): Promise<{ readonly before: MeshSnapshot; readonly after: MeshSnapshot }> {
  const { before: sources, after: later, onNote } = options;
  await using mesh = await ComparisonMesh.start(sources, { ...options, later }, signal);
  for (const note of leftOutNotes(mesh.report, sources, mesh.namespace)) onNote(note);
  const before = await readSnapshot(mesh.host, signal);
  if (mesh.has(later)) return { before, after: before };
  await mesh.turnInto(later, signal);
  return { before, after: await readSnapshot(mesh.host, signal, before.unresolved) };
}

function comparisonOf(
  { before, after, namespace }: CompareLiveOptions,
  {
    edges,
    plan,
    unreached,
    secrets,
  }: {
    readonly edges: EdgeSet;
    readonly plan: ProbePlan;
    readonly unreached: readonly NotCompared[];
    readonly secrets: SecretMarks;
  },
  results: LiveResults,
): Omit<Comparison, 'phases'> {
  const observations = observationsOf(plan.probes, results, secrets);
  const probes = plan.probes.filter(({ id }) => observations.has(id));
  const ofCallers = unreachedCallers(plan.probes, results);
  const ofProbes = joinEdgeNotes(undirected(plan.probes, results), edges.callers);
  if (probes.length === 0)
    throw new MeshmockError(
      'unavailable',
      `no request was compared: ${noRequestReason(ofCallers, ofProbes, unreached)}`,
    );
  // The running meshes may differ in more than their manifests.
  const finder = new CauseFinder(parseManifests(before), parseManifests(after), namespace, secrets, false);
  const differences = allDifferences(probes, observations, {
    falseAlarmRate: testFalseAlarmRate(probes.length),
    secrets,
    causesOf: finder.forProbes(plan.objects),
  });
  return {
    counts: countsOf(probes),
    secrets,
    changedEdges: [],
    probes,
    callers: edges.callers,
    differences,
    notCompared: [
      unknownConfiguration,
      ...unseenObjects(finder.changed, differences, edges.toProbe.some(isUnshown(differences))),
      ...unreached,
      ...ofCallers,
      ...ofProbes,
      ...edges.notCompared,
      ...plan.notCompared,
      ...joinEdgeNotes(unanswered(probes, observations, secrets), edges.callers),
    ],
    warnings: [],
    observations,
  };
}

const unknownConfiguration: NotCompared = {
  subject: 'configuration of the proxies',
  reason: 'entries show answers only, and only to requests that the manifests distinguish',
};

function noRequestReason(...notes: readonly (readonly NotCompared[])[]): string {
  const [first] = notes.flat();
  return first === undefined ? 'the manifests have no callers and Services' : `${first.subject}: ${first.reason}`;
}

/** Returns the numbers of the requests that both meshes answered. Whether configuration differs is not known. */
function countsOf(probes: readonly Probe[]): ComparisonCounts {
  const isAtGateway = ({ caller }: Probe): boolean => caller.kind === 'gateway';
  const edgesIn = (some: readonly Probe[]): number =>
    new Set(some.map(({ caller, destination: { host } }) => `${callerKey(caller)} ${host}`)).size;
  return {
    edges: edgesIn(probes.filter((probe) => !isAtGateway(probe))),
    changedEdges: undefined,
    gateways: edgesIn(probes.filter(isAtGateway)),
    changedGateways: undefined,
    requests: probes.length,
  };
}
