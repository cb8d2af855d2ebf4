import { textAt } from '../diff/pieces/json.ts';
import { configId } from '../istio/live/config-objects.ts';
import type { Observation, ObservedObject, ObservedPod } from '../istio/live/observation.ts';
import type { KubeObject } from '../istio/resources/objects.ts';
import type {
  MeshChange,
  MeshEdge,
  MeshNode,
  MeshState,
  Traffic,
  TrafficAround,
  VersionTraffic,
} from '../page/model/mesh-page-data.ts';
import { appliesTo, isDryRun, mirrorTargets, specOf } from './describe/object-targets.ts';
import { NodeDirectory, outsideId } from './node-directory.ts';
import { meshChange, meshObject } from './object-texts.ts';
import { RefusalWindow } from './refusal-window.ts';
import { Tally } from './traffic-tally.ts';
import { type EdgeEnds, type EdgeTally, edgeId, TrafficWindow, windowMs } from './traffic-window.ts';

/** Maximum number of changes that the page shows. */
const mostChanges = 50;

/** Share of the requests of a gateway that is all: proxies are not read at the same moment. */
const almostAll = 0.95;

/** Time in which several changes are one for the traffic before them, in milliseconds. */
const sameChangeMs = 5000;

/** Traffic around the newest change. */
interface ChangeTime {
  readonly number: number;
  readonly atMs: number;
  readonly before: ReadonlyMap<string, EdgeTally>;
  readonly beforeMs: number;
  after: ReadonlyMap<string, EdgeTally>;
  afterMs: number;
}

/** State of a mesh: the last observation, the traffic of the last minute, and the changes. */
export class MeshModel {
  private readonly mesh: string;
  private readonly kind: MeshState['kind'];
  private readonly traffic = new TrafficWindow();
  private readonly refusals = new RefusalWindow();
  private readonly others = new Map<string, MeshNode>();
  private changes: readonly MeshChange[] = [];
  private around: ChangeTime | undefined;
  private last: Observation | undefined;
  /** Objects of Istio and the Gateway API, as of the last observation. */
  objects: readonly ObservedObject[] = [];
  private shownObjects: MeshState['objects'] = [];

  constructor(mesh: string, kind: MeshState['kind'] = 'istio') {
    this.mesh = mesh;
    this.kind = kind;
  }

  /** Namespace whose objects apply to the whole mesh. */
  get rootNamespace(): string {
    return this.last?.rootNamespace ?? 'istio-system';
  }

  /** Numbers of the last change and of the objects, which the next observation need not repeat. */
  get known(): { readonly afterChange: number; readonly objectsVersion: number } {
    return { afterChange: this.changes[0]?.number ?? 0, objectsVersion: this.last?.objectsVersion ?? 0 };
  }

  /** Nodes of the last observation; undefined before the first one. */
  get nodes(): NodeDirectory | undefined {
    return this.last === undefined ? undefined : new NodeDirectory(this.last, this.others);
  }

  add(observation: Observation): void {
    const { atMs, objects, changes, pods } = observation;
    this.last = observation;
    const nodes = new NodeDirectory(observation, this.others);
    if (objects !== undefined) {
      this.objects = objects;
      this.shownObjects = objects.map((one) => meshObject(one, this.rootNamespace));
    }
    const mirrors = new Set(this.objects.flatMap(({ object }) => mirrorTargets(object)));
    this.traffic.add(observation, nodes, mirrors);
    this.traffic.forget(pods, nodes);
    const sinceMs = this.traffic.startMs ?? atMs - windowMs;
    this.refusals.add(observation.refusals, nodes, sinceMs, (pod) => this.allowing(pod));
    const added = changes.map((change) => meshChange(change, this.rootNamespace));
    this.changes = [...added.toReversed(), ...this.changes].slice(0, mostChanges);
    this.compareAround(atMs);
  }

  /** @param urlOf returns the URL of a node on this machine */
  state(urlOf: (id: string) => string | undefined, problem: string | undefined): MeshState {
    const atMs = this.last?.atMs ?? Date.now();
    const edges = this.edges();
    const used = new Set(edges.flatMap(({ from, to }) => [from, to]));
    return {
      mesh: this.mesh,
      kind: this.kind,
      atMs,
      windowMs: this.traffic.coveredMs,
      nodes: this.nodes?.nodes(used, urlOf) ?? [],
      edges,
      objects: this.shownObjects,
      changes: this.changes,
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** Returns the ids of the policies without which a request to a pod would be allowed. */
  private allowing(pod: ObservedPod): string[] {
    const isAllowing = (object: KubeObject): boolean =>
      object.kind === 'AuthorizationPolicy' &&
      !isDryRun(object) &&
      (textAt(specOf(object), 'action') ?? 'ALLOW') === 'ALLOW' &&
      appliesTo(object, pod, this.rootNamespace);
    return this.objects.filter(({ object }) => isAllowing(object)).map(({ object }) => configId(object));
  }

  private edges(): MeshEdge[] {
    const sums = this.traffic.current;
    const refusals = this.refusals.byEdge();
    const ends = new Map<string, EdgeEnds>([...this.traffic.edges, ...refusals]);
    const { coveredMs } = this.traffic;
    const shown = [...ends].filter(([id, { to }]) => refusals.has(id) || !this.isOfMesh(id, to));
    return shown.map(([id, { from, to }]): MeshEdge => {
      const sum = sums.get(id);
      const around = this.aroundOf(id);
      return {
        id,
        from,
        to,
        protocols: [...(this.traffic.edges.get(id)?.protocols ?? [])],
        traffic: (sum?.all ?? new Tally()).traffic(coveredMs),
        versions: sum === undefined ? [] : versionsOf(sum, coveredMs),
        total: this.traffic.edges.get(id)?.count ?? 0,
        refusals: refusals.get(id)?.refusals ?? [],
        ...(around === undefined ? {} : { around }),
      };
    });
  }

  /**
   * Reports whether an edge has the requests of clients outside to a gateway which pods of the mesh have sent, as to an
   * egress gateway. The gateway does not count who has sent them, and the proxies of those pods do.
   */
  private isOfMesh(id: string, to: string): boolean {
    if (id !== edgeId({ from: outsideId, to }) || !this.nodes?.isGateway(to)) return false;
    const { edges } = this.traffic;
    const others = [...edges.values()].filter((one) => one.to === to && one.from !== outsideId);
    const sent = others.reduce((sum, { count }) => sum + count, 0);
    return sent > 0 && sent >= almostAll * (edges.get(id)?.count ?? 0);
  }

  /** Keeps the traffic before the newest change, and that of up to a minute after it. */
  private compareAround(nowMs: number): void {
    // Nothing differs since a change that was reverted.
    const newest = this.changes.find(({ by }) => by !== 'refused');
    if (newest === undefined || newest.by === 'start') return;
    const { number, atMs } = newest;
    const { traffic } = this;
    if (this.around?.number !== number) {
      // Traffic before an earlier change differs because of that one.
      const earlier = this.changes.find((change) => change.by !== 'refused' && change.atMs < atMs - sameChangeMs);
      const fromMs = Math.max(atMs - windowMs, earlier?.atMs ?? 0);
      const before = traffic.sum(fromMs, atMs);
      const beforeMs = Math.min(traffic.coveredMs, atMs - fromMs);
      this.around = { number, atMs, before, beforeMs, after: new Map(), afterMs: 0 };
    }
    if (this.around === undefined || nowMs > atMs + windowMs) return;
    this.around.after = traffic.sum(atMs, nowMs);
    this.around.afterMs = nowMs - atMs;
  }

  private aroundOf(id: string): TrafficAround | undefined {
    const { around } = this;
    if (around === undefined) return undefined;
    const { number, before, beforeMs, after, afterMs } = around;
    const [old, recent] = [before.get(id), after.get(id)];
    if (old === undefined && recent === undefined) return undefined;
    const trafficOf = (sum: EdgeTally | undefined, ms: number): Traffic => (sum?.all ?? new Tally()).traffic(ms);
    return {
      change: number,
      before: trafficOf(old, beforeMs),
      after: trafficOf(recent, afterMs),
      versionsBefore: countsByVersion(old),
      versionsAfter: countsByVersion(recent),
    };
  }
}

function versionsOf({ versions }: EdgeTally, coveredMs: number): VersionTraffic[] {
  return [...versions.values()]
    .filter(({ tally }) => tally.count > 0)
    .toSorted((a, b) => b.tally.count - a.tally.count)
    .map(({ from, to, tally }) => ({ from, to, traffic: tally.traffic(coveredMs) }));
}

function countsByVersion(sum: EdgeTally | undefined): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { to, tally } of sum?.versions.values() ?? [])
    if (tally.count > 0) counts[to] = (counts[to] ?? 0) + tally.count;
  return counts;
}
