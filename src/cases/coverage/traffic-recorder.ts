import path from 'node:path';
import type { MeshHost } from '../../istio/host/mesh-host.ts';
import { AccessLogs, type LoggedRequest } from '../../istio/observe/access-log.ts';
import { type ClusterCounts, parseClusterTraffic } from '../envoy-clusters.ts';

/** Traffic of a mesh, as its proxies count and log it. */
export interface RecordedTraffic {
  /** Names of the Envoy clusters that requests were routed to, whether a pod answered or not. */
  readonly clusters: ReadonlySet<string>;
  /** One entry for each proxy on the way of a request. */
  readonly requests: readonly LoggedRequest[];
}

/** Records the traffic of a mesh: Envoy clusters from counters, routes and policy rules from access logs. */
export class TrafficRecorder {
  private readonly mesh: MeshHost;
  private readonly logs: AccessLogs;
  private clusters = new Set<string>();
  private countsByPod: ReadonlyMap<string, ClusterCounts> = new Map();

  private constructor(mesh: MeshHost) {
    this.mesh = mesh;
    this.logs = new AccessLogs(path.join(mesh.folder, 'logs'));
  }

  /** Starts a recording without the traffic so far. */
  static async start(mesh: MeshHost, signal: AbortSignal): Promise<TrafficRecorder> {
    const recorder = new TrafficRecorder(mesh);
    await Promise.all([recorder.count(signal), recorder.logs.skip()]);
    recorder.clusters = new Set();
    return recorder;
  }

  /**
   * Reads the counters of all pods. Call this before a pod ends, because its counters end with it, and after, because
   * those of its successor start at 0.
   */
  async count(signal: AbortSignal): Promise<void> {
    const stats = await this.mesh.stats(signal);
    const countsByPod = new Map(stats.map((one) => [one.pod, parseClusterTraffic(one.stats)]));
    for (const [pod, counts] of countsByPod)
      for (const [cluster, count] of counts)
        if (count > (this.countsByPod.get(pod)?.get(cluster) ?? 0)) this.clusters.add(cluster);
    this.countsByPod = countsByPod;
  }

  /** Returns the traffic since the start. Each request is returned once. */
  async traffic(signal: AbortSignal): Promise<RecordedTraffic> {
    const [requests] = await Promise.all([this.logs.next(signal), this.count(signal)]);
    const unserved = requests.flatMap(({ unservedCluster }) => unservedCluster ?? []);
    return { clusters: new Set([...this.clusters, ...unserved]), requests };
  }
}
