import { collectorHost } from '../istio/control-plane.ts';

/** Where a proxy sends requests to: its clusters are called `outbound|PORT|SUBSET|HOST`. */
export interface Cluster {
  readonly port: number;
  /** Empty for all pods. */
  readonly subset: string;
  readonly host: string;
}

/** How many requests proxies have sent, by the name of the cluster. */
export type ClusterRequests = ReadonlyMap<string, number>;

/** Adds up what proxies have counted; what they took in for their own pods and the spans that they sent are left out. */
export function clusterRequests(stats: readonly string[]): ClusterRequests {
  const requests = new Map<string, number>();
  for (const text of stats)
    for (const [, name = '', count] of text.matchAll(
      /^envoy_cluster_upstream_rq_total\{cluster_name="([^"]*)"\} (\d+)$/gm,
    ))
      if (!name.startsWith('inbound|') && !name.includes(collectorHost))
        requests.set(name, (requests.get(name) ?? 0) + Number(count));
  return requests;
}

/** What has come since. */
export function requestsSince(before: ClusterRequests, now: ClusterRequests): Map<string, number> {
  const since = [...now].map(([name, count]): [string, number] => [name, count - (before.get(name) ?? 0)]);
  return new Map(since.filter(([, count]) => count > 0));
}

/** Nothing for a cluster of the proxy itself. */
export function parseCluster(name: string): Cluster | undefined {
  const [, port, subset = '', host = ''] = /^outbound\|(\d+)\|([^|]*)\|([^|;]+);?$/.exec(name) ?? [];
  return port === undefined ? undefined : { port: Number(port), subset, host };
}

/** `users.users:80 subset v1`. */
export function clusterTitle({ host, port, subset }: Cluster): string {
  return `${host}:${port}${subset === '' ? '' : ` subset ${subset}`}`;
}
