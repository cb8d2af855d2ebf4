import type { EdgeParts } from '../pieces/edge-parts.ts';
import { type Json, numberAt, objectsAt, textAt } from '../pieces/json.ts';
import { podsOfService } from './implied-route.ts';

/** Returns the clusters of a route with their parts of the requests. */
export function clustersOfRoute(route: Json | undefined): { readonly cluster: string; readonly share: number }[] {
  const weighted = objectsAt(route, 'route', 'weighted_clusters', 'clusters').map((one) => ({
    cluster: textAt(one, 'name') ?? '',
    weight: numberAt(one, 'weight') ?? 0,
  }));
  const total = weighted.reduce((sum, { weight }) => sum + weight, 0);
  const shares = weighted.map(({ cluster, weight }) => ({ cluster, share: weight / total }));
  if (total > 0) return shares.filter(({ share }) => share > 0);
  const cluster = textAt(route, 'route', 'cluster');
  return cluster === undefined ? [] : [{ cluster, share: 1 }];
}

/** Returns the workload of each endpoint of a cluster. */
export function workloadsOf(cluster: string, { sender, receivers }: EdgeParts): string[] {
  if (cluster === podsOfService) return receivers.map(({ pod }) => `${pod.namespace}/${pod.workload}`);
  const byAddress = new Map(receivers.map(({ pod }) => [pod.address, `${pod.namespace}/${pod.workload}`]));
  const endpoints = (sender?.endpoints ?? []).filter((one) => textAt(one, 'cluster_name') === cluster);
  return endpoints
    .flatMap((one) => objectsAt(one, 'endpoints'))
    .flatMap((locality) => objectsAt(locality, 'lb_endpoints'))
    .flatMap((endpoint) => {
      const address = textAt(endpoint, 'endpoint', 'address', 'socket_address', 'address') ?? '';
      return byAddress.get(address) ?? address;
    });
}
