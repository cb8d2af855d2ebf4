import { parseSamples } from '../istio/observe/prometheus-text.ts';
import { collectorHost } from '../istio/resources/installation.ts';

/** Destination of an Envoy. Envoy names it `outbound|PORT|SUBSET|HOST`. */
export interface EnvoyCluster {
  readonly port: number;
  /** Empty for the cluster of all pods. */
  readonly subset: string;
  readonly host: string;
}

/** Number of requests by the name of the cluster. */
export type ClusterCounts = ReadonlyMap<string, number>;

/** Counters of proxies. */
export interface ProxyCounts {
  readonly clusters: ClusterCounts;
  /** Number of requests that a fault delayed. */
  readonly delays: number;
}

/**
 * Parses and adds up what proxies count, from the text of their `/stats/prometheus`. Requests to their own pods and
 * exported spans do not count.
 *
 * @example
 * parseProxyCounts('envoy_cluster_upstream_rq_total{cluster_name="outbound|80||a.b"} 3').clusters;
 * // Map { 'outbound|80||a.b' => 3 }
 */
export function parseProxyCounts(stats: string): ProxyCounts {
  let delays = 0;
  const clusters = new Map<string, number>();
  for (const { name, labels, value } of parseSamples(stats, (name) => name === requests || name === injectedDelays))
    if (name === injectedDelays) delays += value;
    else addCluster(clusters, labels.cluster_name, value);
  return { clusters, delays };
}

const requests = 'envoy_cluster_upstream_rq_total';
const connections = 'envoy_cluster_upstream_cx_total';
const injectedDelays = 'envoy_http_fault_delays_injected';

/** Parses the number of requests to each cluster. Clusters of TCP count connections instead. */
export function parseClusterTraffic(stats: string): ClusterCounts {
  const clusters = new Map<string, number>();
  for (const { labels, value } of parseSamples(stats, (name) => name === requests || name === connections))
    addCluster(clusters, labels.cluster_name, value);
  return clusters;
}

function addCluster(counts: Map<string, number>, cluster = '', count: number): void {
  if (cluster.startsWith('outbound|') && !cluster.includes(collectorHost))
    counts.set(cluster, (counts.get(cluster) ?? 0) + count);
}

/** Returns the increase from earlier counts to later ones. Clusters without an increase are left out. */
export function countsSince(before: ProxyCounts, now: ProxyCounts): ProxyCounts {
  const increases = [...now.clusters].map(([name, count]) => [name, count - (before.clusters.get(name) ?? 0)] as const);
  return { clusters: new Map(increases.filter(([, count]) => count > 0)), delays: now.delays - before.delays };
}

/**
 * Parses the name of an outbound cluster. Returns undefined for a cluster of the proxy itself.
 *
 * @example
 * parseClusterName('outbound|80|v1|users.shop.svc.cluster.local');
 * // { port: 80, subset: 'v1', host: 'users.shop.svc.cluster.local' }
 */
export function parseClusterName(name: string): EnvoyCluster | undefined {
  const [, port, subset = '', host = ''] = /^outbound\|(\d+)\|([^|]*)\|([^|;]+);?$/.exec(name) ?? [];
  return port === undefined ? undefined : { port: Number(port), subset, host };
}

/** Formats a cluster, such as `users.users:80 subset v1`. */
export function clusterTitle({ host, port, subset }: EnvoyCluster): string {
  return `${host}:${port}${subset === '' ? '' : ` subset ${subset}`}`;
}
