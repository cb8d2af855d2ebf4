import { collectorHost } from '../istio/control-plane.ts';

/** Where a proxy sends requests to: its clusters are called `outbound|PORT|SUBSET|HOST`. */
export interface EnvoyCluster {
  readonly port: number;
  /** Empty for all pods. */
  readonly subset: string;
  readonly host: string;
}

/** How much proxies have sent, by the name of the cluster. */
export type ClusterCounts = ReadonlyMap<string, number>;

/** What proxies have counted of requests. */
export interface ProxyCounts {
  readonly clusters: ClusterCounts;
  /** Those that a fault has held back. */
  readonly delays: number;
}

/** Adds up what proxies have counted; what they took in for their own pods and the spans that they sent are left out. */
export function parseProxyCounts(stats: string): ProxyCounts {
  const delays = stats.matchAll(/^envoy_http_fault_delays_injected\{[^}]*\} (\d+)$/gm);
  return {
    clusters: clusterCounts(stats, /^envoy_cluster_upstream_rq_total\{cluster_name="(outbound\|[^"]+)"\} (\d+)$/gm),
    delays: [...delays].reduce((sum, [, count]) => sum + Number(count), 0),
  };
}

/** How many requests or, where it is about no requests, connections a proxy has sent to each cluster. */
export function parseClusterTraffic(stats: string): ClusterCounts {
  return clusterCounts(stats, /^envoy_cluster_upstream_(?:rq|cx)_total\{cluster_name="(outbound\|[^"]+)"\} (\d+)$/gm);
}

function clusterCounts(stats: string, counters: RegExp): ClusterCounts {
  const counts = new Map<string, number>();
  for (const [, name = '', count] of stats.matchAll(counters))
    if (!name.includes(collectorHost)) counts.set(name, (counts.get(name) ?? 0) + Number(count));
  return counts;
}

/** What has come since. */
export function countsSince(before: ProxyCounts, now: ProxyCounts): ProxyCounts {
  const since = [...now.clusters].map(([name, count]) => [name, count - (before.clusters.get(name) ?? 0)] as const);
  return { clusters: new Map(since.filter(([, count]) => count > 0)), delays: now.delays - before.delays };
}

/** Nothing for a cluster of the proxy itself. */
export function parseClusterName(name: string): EnvoyCluster | undefined {
  const [, port, subset = '', host = ''] = /^outbound\|(\d+)\|([^|]*)\|([^|;]+);?$/.exec(name) ?? [];
  return port === undefined ? undefined : { port: Number(port), subset, host };
}

/** `users.users:80 subset v1`. */
export function clusterTitle({ host, port, subset }: EnvoyCluster): string {
  return `${host}:${port}${subset === '' ? '' : ` subset ${subset}`}`;
}
