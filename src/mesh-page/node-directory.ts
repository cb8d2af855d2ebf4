import type { Observation, ObservedPod, ObservedService } from '../istio/live/observation.ts';
import type { SeriesPeer, TrafficSeries } from '../istio/observe/traffic-series.ts';
import type { MeshNode, MeshNodePod, MeshVersion } from '../page/model/mesh-page-data.ts';

/** Id of all clients that the mesh does not know. */
export const outsideId = 'outside';

/** Maximum number of hosts that are nodes. Clients choose the names of hosts. */
const mostHosts = 40;
const otherHostsId = 'other hosts';

/** Version of pods that proxies do not know. */
export const unknownVersion = 'unknown';

/** Returns the key of a pod in observations. */
export function podKey({ namespace, name }: Pick<ObservedPod, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

/** Returns the id of a pod's node. */
export function nodeIdOf({ role, workload, service, namespace }: ObservedPod): string {
  return `${role === 'gateway' ? workload : service}.${namespace}`;
}

/** Pods that are nodes, and the nodes of what proxies say about the ends of requests. */
export class NodeDirectory {
  private readonly pods: readonly ObservedPod[];
  private readonly byKey: ReadonlyMap<string, ObservedPod>;
  private readonly byAddress: ReadonlyMap<string, ObservedPod>;
  private readonly byWorkload: ReadonlyMap<string, ObservedPod>;
  private readonly services: readonly ObservedService[];
  /** Nodes that are not pods, by their ids. */
  private readonly others: Map<string, MeshNode>;

  /** @param others nodes that are not pods, which stay from observation to observation */
  constructor({ pods, services }: Pick<Observation, 'pods' | 'services'>, others: Map<string, MeshNode>) {
    this.pods = pods.filter(({ isOutside }) => !isOutside);
    this.byKey = new Map(pods.map((pod) => [podKey(pod), pod]));
    this.byAddress = new Map(pods.map((pod) => [pod.address, pod]));
    const named = this.pods.flatMap((pod) => [pod.workload, pod.name].map((name) => [name, pod] as const));
    this.byWorkload = new Map(named.map(([name, pod]) => [`${pod.namespace}/${name}`, pod]));
    this.services = services;
    this.others = others;
  }

  /** Returns all nodes: those of pods, and the others that are in use. */
  nodes(usedIds: ReadonlySet<string>, urlOf: (id: string) => string | undefined): MeshNode[] {
    const byNode = Map.groupBy(this.pods, nodeIdOf);
    const ofPods = [...byNode].map(([id, pods]): MeshNode => {
      const [first] = pods as [ObservedPod];
      const name = id.slice(0, id.length - first.namespace.length - 1);
      const kind = first.role === 'gateway' ? 'gateway' : 'service';
      const url = urlOf(id);
      const versions = versionsOf(pods);
      return { id, name, namespace: first.namespace, kind, versions, ...(url === undefined ? {} : { url }) };
    });
    const known = new Set(byNode.keys());
    const others = [...this.others.values()].filter(({ id }) => usedIds.has(id) && !known.has(id));
    const gone = [...usedIds].filter((id) => !known.has(id) && !this.others.has(id)).map(goneNode);
    return [...ofPods.toSorted((a, b) => (a.id < b.id ? -1 : 1)), ...others, ...gone];
  }

  /** Reports whether a node exists. */
  has(id: string): boolean {
    return this.others.has(id) || this.pods.some((pod) => nodeIdOf(pod) === id);
  }

  isGateway(id: string): boolean {
    return this.pods.some((pod) => pod.role === 'gateway' && nodeIdOf(pod) === id);
  }

  pod(key: string): ObservedPod | undefined {
    return this.byKey.get(key);
  }

  podAt(address: string): ObservedPod | undefined {
    return this.byAddress.get(address);
  }

  /** Returns the pods of a node. */
  podsOf(id: string): ObservedPod[] {
    return this.pods.filter((pod) => nodeIdOf(pod) === id);
  }

  /** Returns the hosts of the Services that lead to a node. */
  hostsOf(id: string): string[] {
    const pods = this.podsOf(id);
    const leading = this.services.filter((service) => pods.some((pod) => selects(service, pod)));
    const own = leading.map(({ name, namespace }) => `${name}.${namespace}.svc.cluster.local`);
    return own.length > 0 ? own : [/^[^.]+\.[^.]+$/.test(id) && !this.others.has(id) ? `${id}.svc.cluster.local` : id];
  }

  /** Returns the node from which a series comes; undefined if another proxy reports the same requests. */
  sourceOf(series: TrafficSeries, own: ObservedPod): string | undefined {
    if (series.reporter === 'source') return nodeIdOf(own);
    const peer = this.byAddress.get(series.peerAddress);
    // The proxy of a source counts its requests itself.
    if (peer?.hasSidecar || (peer === undefined && series.isMutual)) return undefined;
    return peer === undefined || peer.isOutside ? this.outside() : nodeIdOf(peer);
  }

  /** Returns the node to which a series leads; undefined if nothing names one. */
  destinationOf(series: TrafficSeries, own: ObservedPod): string | undefined {
    if (series.reporter === 'destination') return nodeIdOf(own);
    return this.workload(series.destination) ?? this.host(series.host, own);
  }

  /** Returns the versions at both ends of a series. */
  versionsOf(series: TrafficSeries, own: ObservedPod): [string, string] {
    const peer = series.reporter === 'source' ? series.destination : series.source;
    const version = this.byWorkload.get(`${peer.namespace}/${peer.workload}`)?.version ?? peer.version;
    const other = version === '' ? unknownVersion : version;
    return series.reporter === 'source' ? [own.version, other] : [other, own.version];
  }

  /**
   * Returns the node of a cluster of Envoy, such as `outbound|8080|v1|reviews.default.svc.cluster.local`.
   *
   * @param authority host that the caller named, for a request that no route took
   */
  cluster(cluster: string, authority: string, caller: ObservedPod): string | undefined {
    return this.host(cluster.split('|')[3] ?? authority, caller);
  }

  outside(): string {
    this.others.set(outsideId, { id: outsideId, name: 'outside', kind: 'outside', versions: [] });
    return outsideId;
  }

  private workload({ namespace, workload }: SeriesPeer): string | undefined {
    const pod = this.byWorkload.get(`${namespace}/${workload}`);
    return pod === undefined ? undefined : nodeIdOf(pod);
  }

  /** A name without a dot is a Service in the namespace of the caller. Clients of a gateway name public hosts. */
  private host(text: string, { role, namespace: own }: ObservedPod): string | undefined {
    const host = text.replace(/:\d+$/, '').toLowerCase();
    if (host === '' || host === 'unknown' || host === '-') return undefined;
    const [, name, namespace = role === 'gateway' ? undefined : own] =
      /^([^.]+)(?:\.([^.]+)(?:\.svc(?:\.cluster\.local)?)?)?$/.exec(host) ?? [];
    const service = this.services.find((one) => one.name === name && one.namespace === namespace);
    if (service === undefined) return this.other(host);
    const pod = this.pods.find((one) => selects(service, one));
    if (pod !== undefined) return nodeIdOf(pod);
    const id = `${service.name}.${service.namespace}`;
    this.others.set(id, { id, name: service.name, namespace: service.namespace, kind: 'missing', versions: [] });
    return id;
  }

  private other(host: string): string {
    const own = this.isOtherNode(host) ? `host ${host}` : host;
    const id = this.others.has(own) || this.others.size < mostHosts ? own : otherHostsId;
    this.others.set(id, { id, name: id === own ? host : id, kind: 'host', versions: [] });
    return id;
  }

  /** Reports whether a host that a client has chosen is the id of a node of another kind. */
  private isOtherNode(host: string): boolean {
    return host === outsideId || this.pods.some((pod) => pod.namespace === '' && nodeIdOf(pod) === host);
  }
}

/** Reports whether a Service selects a pod. */
export function selects({ namespace, selector }: ObservedService, pod: ObservedPod): boolean {
  if (selector === undefined || namespace !== pod.namespace) return false;
  return Object.entries(selector).every(([name, value]) => pod.labels[name] === value);
}

/** Returns the node of pods that were deleted, and have sent or received requests in the last minute. */
function goneNode(id: string): MeshNode {
  const [, name = id, namespace = ''] = /^(.*)\.([^.]+)$/.exec(id) ?? [];
  return { id, name, namespace, kind: 'missing', versions: [] };
}

function versionsOf(pods: readonly ObservedPod[]): MeshVersion[] {
  const byVersion = Map.groupBy(pods, ({ version }) => version);
  return [...byVersion]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([version, of]) => ({ version, pods: of.map(nodePod) }));
}

function nodePod({ name, address, hasSidecar, isReady, serviceAccount }: ObservedPod): MeshNodePod {
  return { name, address, hasSidecar, isReady, serviceAccount };
}
