import path from 'node:path';
import { AccessLogs, type LoggedRequest } from '../../istio/access-log.ts';
import type { MeshHost } from '../../istio/mesh-host.ts';
import { type ClusterCounts, requestsOrConnections } from '../clusters.ts';

/** What requests met. */
export interface Covered {
  /** The proxies' clusters that they were sent to, or would have been if anybody were there, as `outbound|PORT|SUBSET|HOST`. */
  readonly clusters: ReadonlySet<string>;
  /** What they met in each proxy. */
  readonly requests: readonly LoggedRequest[];
}

/** What requests meet in a mesh from some time on: proxies count clusters, and log routes and rules. */
export class Traffic {
  private readonly mesh: MeshHost;
  private readonly logs: AccessLogs;
  private clusters = new Set<string>();
  private counted: ReadonlyMap<string, ClusterCounts> = new Map();

  private constructor(mesh: MeshHost) {
    this.mesh = mesh;
    this.logs = new AccessLogs(path.join(mesh.folder, 'logs'));
  }

  /** From now on. */
  static async begin(mesh: MeshHost, signal: AbortSignal): Promise<Traffic> {
    const traffic = new Traffic(mesh);
    await Promise.all([traffic.count(signal), traffic.logs.skip()]);
    traffic.clusters = new Set();
    return traffic;
  }

  /** To be called before a pod goes, since its counters go with it, and after: one that comes back counts from 0. */
  async count(signal: AbortSignal): Promise<void> {
    const counted = new Map((await this.mesh.stats(signal)).map((one) => [one.pod, requestsOrConnections(one.stats)]));
    for (const [pod, counts] of counted)
      for (const [cluster, count] of counts)
        if (count > (this.counted.get(pod)?.get(cluster) ?? 0)) this.clusters.add(cluster);
    this.counted = counted;
  }

  /** What was met so far. */
  async met(signal: AbortSignal): Promise<Covered> {
    const [requests] = await Promise.all([this.logs.next(signal), this.count(signal)]);
    const led = requests.flatMap(({ unservedCluster }) => unservedCluster ?? []);
    return { clusters: new Set([...this.clusters, ...led]), requests };
  }
}
