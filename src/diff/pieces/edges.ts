import { callerKey, callersText } from '../caller-text.ts';
import type { ComparisonCounts, NotCompared } from '../comparison.ts';
import type { Caller, Destination } from '../probe.ts';
import { type CallerPods, callersOf } from './callers.ts';
import { type EdgeParts, EdgeReader, type EdgeReaders } from './edge-parts.ts';
import { callsOfGateways } from './gateway-calls.ts';
import { type GatewayTarget, gatewayTargetsOf } from './gateway-targets.ts';
import { identityVector } from './identity-vector.ts';
import { inOrder, type MeshSnapshot, type SnapshotPod, workloadKey } from './mesh-snapshot.ts';
import { type EdgeProtocol, type MeshTarget, meshTargetsOf, type UnprobedTarget } from './mesh-targets.ts';
import { type ReadablePod, unreadChanges, unreadGatewayChanges } from './unread-parts.ts';

/** Callers and a destination, with the configuration that is the same for all these callers on each side. */
export interface Edge {
  readonly caller: Caller;
  /** All callers of the class, with `caller` among them. */
  readonly speaksFor: readonly Caller[];
  readonly destination: Destination;
  readonly protocol: EdgeProtocol;
  /** Port of the callee's pods. */
  readonly calleePort: number;
  readonly before: EdgeParts;
  readonly after: EdgeParts;
}

/** Edges of two snapshots. */
export interface EdgeSet extends Pick<ComparisonCounts, 'edges' | 'gateways'> {
  readonly changedEdges: number;
  readonly changedGateways: number;
  /** All workloads that may call. */
  readonly callers: readonly Caller[];
  /** Edges to probe, one for each class of callers. */
  readonly toProbe: readonly Edge[];
  readonly notCompared: readonly NotCompared[];
}

export interface EdgeOptions {
  /** True to probe equal edges too. */
  readonly all: boolean;
  /** True to keep callers apart whose configuration is the same, since that of running meshes is not known. */
  readonly eachCaller?: boolean;
  /** Workload outside the mesh, as NAMESPACE/NAME. */
  readonly outside: string;
}

/**
 * Returns the edges of two snapshots, with the parts of those to probe. An edge with equal parts at both ends cannot behave
 * differently.
 */
export function edgesOf(old: MeshSnapshot, recent: MeshSnapshot, options: EdgeOptions): EdgeSet {
  const [before, after] = [inOrder(old), inOrder(recent)];
  const readers = { before: new EdgeReader(before), after: new EdgeReader(after) };
  const { callers, notCompared } = callersOf(before, after, options.outside);
  const { targets, unprobed, notCompared: skipped } = meshTargetsOf(before, after);
  const ofTargets = targets.map((target) => edgesTo(target, callers, readers, options));
  const pairs = (some: (edges: TargetEdges) => readonly string[]): number => new Set(ofTargets.flatMap(some)).size;
  const gateways = gatewayEdges(before, after, readers, options);
  return {
    edges: pairs(({ all }) => all),
    changedEdges: pairs(({ changed }) => changed),
    gateways: gateways.count,
    changedGateways: gateways.changed,
    callers: callers.map(({ caller }) => caller),
    toProbe: [...ofTargets.flatMap(({ toProbe }) => toProbe), ...gateways.toProbe],
    notCompared: [
      ...notCompared,
      ...skipped,
      ...gateways.notCompared,
      ...callsOfGateways(callers, readers, gateways.changedGateways),
      ...unprobed.flatMap((target) => unprobedChanges(target, callers, readers)),
      ...unread(callers, targets, readers),
    ],
  };
}

/** Returns the callers whose configuration for a port differs, to which no probe is sent. */
function unprobedChanges(
  { name, edge, workloads }: UnprobedTarget,
  callers: readonly CallerPods[],
  { before, after }: EdgeReaders,
): NotCompared[] {
  const others = callers.filter(({ pods }) => !workloads.has(workloadKey(pods.before)));
  const differing = others.filter(
    ({ pods }) => !isSame(before.sidecar(pods.before, edge), after.sidecar(pods.after, edge)),
  );
  if (differing.length === 0) return [];
  const [names, all] = [differing, others].map((some) => some.map(({ caller }) => caller));
  const subject = `${callersText(names ?? [], all ?? [])} → ${name}:${edge.port}`;
  return [{ subject, reason: 'the configuration differs, and no request is made to this port' }];
}

/** Returns the parts of callers that differ, and that no edge has. */
function unread(
  callers: readonly CallerPods[],
  targets: readonly MeshTarget[],
  { before, after }: EdgeReaders,
): NotCompared[] {
  const ofEdges = new Set(targets.map(({ edge }) => `${edge.host}:${edge.port}`));
  const side = (reader: EdgeReader, pod: SnapshotPod): ReadablePod => ({
    mesh: reader.mesh,
    textOf: (part) => reader.textOf(part),
    pod,
  });
  const found = callers.flatMap(({ pods }) =>
    unreadChanges(side(before, pods.before), side(after, pods.after), ofEdges),
  );
  const ofGateways = before.mesh.pods.flatMap((pod) => {
    const later = pod.role === 'gateway' ? gatewayPod(after.mesh, workloadKey(pod)) : undefined;
    return later === undefined ? [] : unreadGatewayChanges(side(before, pod), side(after, later));
  });
  return [...new Map([...found, ...ofGateways].map((one) => [one.subject, one])).values()];
}

/** Edges to one target. */
interface TargetEdges {
  /** Texts that name the pairs of a caller and a host. */
  readonly all: readonly string[];
  readonly changed: readonly string[];
  readonly toProbe: readonly Edge[];
}

function edgesTo(
  { edge, destination, protocol, calleePort, workloads }: MeshTarget,
  callers: readonly CallerPods[],
  readers: EdgeReaders,
  options: EdgeOptions,
): TargetEdges {
  const classes = new Map<string, Edge>();
  const changed: string[] = [];
  const others = callers.filter(({ pods }) => !workloads.has(workloadKey(pods.before)));
  const pairOf = ({ caller }: CallerPods): string => `${callerKey(caller)} ${edge.host}`;
  for (const one of others) {
    const { caller, pods } = one;
    const parts = { before: readers.before.sidecar(pods.before, edge), after: readers.after.sidecar(pods.after, edge) };
    const isEqual = isSame(parts.before, parts.after);
    if (!isEqual) changed.push(pairOf(one));
    if (isEqual && !options.all) continue;
    const key = options.eachCaller === true ? callerKey(caller) : classKey(parts.before, parts.after, pods);
    const known = classes.get(key) ?? { caller, speaksFor: [], destination, protocol, calleePort, ...parts };
    classes.set(key, { ...known, speaksFor: [...known.speaksFor, caller] });
  }
  return { all: others.map(pairOf), changed, toProbe: [...classes.values()] };
}

/** Reports whether the configuration of an edge is the same on both sides, so that it cannot behave differently. */
export function hasSameParts({ before, after }: Pick<Edge, 'before' | 'after'>): boolean {
  return isSame(before, after);
}

/** Reports whether an edge with these parts behaves alike on both sides. */
function isSame(before: EdgeParts, after: EdgeParts): boolean {
  return before.key === after.key && before.identity === after.identity && before.program === after.program;
}

/** Returns a text that is equal for callers of one class: their parts, and what policies of the callee ask of them. */
function classKey(before: EdgeParts, after: EdgeParts, pods: CallerPods['pods']): string {
  const policies = [before, after].flatMap(({ receivers, gateways }) => [
    ...receivers.flatMap(({ chains }) => chains),
    ...gateways,
  ]);
  const identities = [pods.before, pods.after].map((pod) => identityVector(policies, pod));
  // A callee sees the change of an identity.
  const change = [
    ...(before.identity === after.identity ? [] : [before.identity, after.identity]),
    ...(before.program === after.program ? [] : [before.program, after.program]),
  ];
  const hasProxy = pods.before.config === undefined ? 'no proxy' : 'proxy';
  return [before.key, after.key, ...identities, ...change, hasProxy].join('\n');
}

function gatewayEdges(
  before: MeshSnapshot,
  after: MeshSnapshot,
  readers: EdgeReaders,
  { all }: EdgeOptions,
): Pick<EdgeSet, 'toProbe' | 'notCompared'> & {
  readonly count: number;
  readonly changed: number;
  /** Workloads of gateways with a host that differs, as NAMESPACE/NAME. */
  readonly changedGateways: ReadonlySet<string>;
} {
  const [earlier, later] = [gatewayTargetsOf(before), gatewayTargetsOf(after)];
  const targets = new Map<string, GatewayTarget>([...later, ...earlier]);
  const edges = [...targets].flatMap(([key, target]): Edge[] => {
    const { gateway, host, port, scheme } = target;
    // The Service may lead to another port of the pod.
    const podPorts = [earlier, later].map((some) => some.get(key)?.podPort ?? target.podPort);
    const [podPort = target.podPort, laterPodPort = podPort] = podPorts;
    const pods = { before: gatewayPod(before, gateway), after: gatewayPod(after, gateway) };
    if (pods.before === undefined || pods.after === undefined) return [];
    const caller: Caller = { kind: 'gateway', gateway, host, port, scheme };
    return [
      {
        caller,
        speaksFor: [caller],
        destination: { name: host, host, port, workloads: [] },
        protocol: 'http',
        calleePort: port,
        before: readers.before.gateway(pods.before, podPort, host, port),
        after: readers.after.gateway(pods.after, laterPodPort, host, port),
      },
    ];
  });
  const changed = edges.filter((edge) => !isSame(edge.before, edge.after));
  const notCompared = [...oneSided(before, after, 'old'), ...oneSided(after, before, 'new')];
  const changedGateways = new Set(changed.flatMap(({ caller }) => (caller.kind === 'gateway' ? caller.gateway : [])));
  return { count: edges.length, changed: changed.length, toProbe: all ? edges : changed, notCompared, changedGateways };
}

/** Returns the gateways that only one snapshot has. */
function oneSided({ pods }: MeshSnapshot, other: MeshSnapshot, side: 'old' | 'new'): NotCompared[] {
  const keys = new Set(pods.filter(({ role }) => role === 'gateway').map(workloadKey));
  return [...keys]
    .filter((key) => gatewayPod(other, key) === undefined)
    .map((key) => ({ subject: `gateway ${key}`, reason: `it exists only in the ${side} snapshot` }));
}

function gatewayPod({ pods }: MeshSnapshot, key: string): SnapshotPod | undefined {
  return pods.find((pod) => pod.role === 'gateway' && workloadKey(pod) === key);
}
