import type { EnvoyConfig } from './envoy-config.ts';
import { objectsAt, textAt } from './json.ts';

/** Types of clusters whose endpoints a proxy looks up by DNS. */
const typesWithDns = new Set(['STRICT_DNS', 'LOGICAL_DNS']);

/**
 * Returns the names of the clusters whose hosts a proxy has not found by DNS. It looks them up after it has received them, and
 * again each second.
 */
export function unresolvedClusters({ clusters, endpoints }: Pick<EnvoyConfig, 'clusters' | 'endpoints'>): string[] {
  return [...clusters].flatMap(([name, cluster]) => {
    const isByName = typesWithDns.has(textAt(cluster, 'type') ?? '') && cluster.load_assignment !== undefined;
    const found = objectsAt(endpoints.get(name), 'endpoints').flatMap((one) => objectsAt(one, 'lb_endpoints'));
    return isByName && found.length === 0 ? name : [];
  });
}
