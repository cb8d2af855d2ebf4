import type { EnvoyConfig } from './envoy-config.ts';
import { forEachText, type Json, type JsonObject, numberAt, objectsAt, textAt } from './json.ts';

/** Clusters to which parts of a configuration lead, with their endpoints. */
export interface ClusterClosure {
  readonly clusters: readonly JsonObject[];
  readonly endpoints: readonly JsonObject[];
  readonly secrets: readonly JsonObject[];
  /** Filters that the parts only name. */
  readonly extensions: readonly JsonObject[];
  /** Addresses of the endpoints, with their ports. */
  readonly addresses: readonly EndpointAddress[];
}

export interface EndpointAddress {
  readonly address: string;
  readonly port: number;
}

/**
 * Returns the clusters that parts name, and those that these name. A text that is the name of a cluster counts as its use,
 * in whatever field it is, so no way to a cluster is overlooked.
 */
export function clustersOf(config: EnvoyConfig, parts: readonly Json[]): ClusterClosure {
  const used = new Set<string>();
  const usedSecrets = new Set<string>();
  const usedExtensions = new Set<JsonObject>();
  const visit = (part: Json): void =>
    forEachText(part, (text) => {
      // The certificate of a sidecar itself is another one after each start.
      if (config.secrets.has(text) && text !== 'default' && text !== 'ROOTCA') usedSecrets.add(text);
      const extension = config.extensions.get(text);
      if (extension !== undefined && !usedExtensions.has(extension)) {
        usedExtensions.add(extension);
        visit(extension);
      }
      const cluster = config.clusters.get(text);
      if (cluster === undefined || used.has(text)) return;
      used.add(text);
      visit(cluster);
    });
  for (const part of parts) visit(part);
  const clusters = [...used].toSorted().flatMap<JsonObject>((name) => config.clusters.get(name) ?? []);
  const endpoints = clusters.flatMap<JsonObject>((cluster) => endpointsOf(config, cluster));
  return {
    clusters,
    endpoints,
    secrets: [...usedSecrets].toSorted().flatMap<JsonObject>((name) => config.secrets.get(name) ?? []),
    extensions: [...usedExtensions],
    addresses: endpoints.flatMap(addressesIn),
  };
}

function endpointsOf(config: EnvoyConfig, cluster: JsonObject): JsonObject[] {
  const service = textAt(cluster, 'eds_cluster_config', 'service_name');
  const name = textAt(cluster, 'name') ?? '';
  const found = config.endpoints.get(service ?? name);
  return found === undefined ? [] : [found];
}

/** Returns the addresses in a part, such as those of endpoints. */
function addressesIn(part: JsonObject): EndpointAddress[] {
  return objectsAt(part, 'endpoints')
    .flatMap((locality) => objectsAt(locality, 'lb_endpoints'))
    .flatMap((endpoint) => {
      const address = textAt(endpoint, 'endpoint', 'address', 'socket_address', 'address');
      const port = numberAt(endpoint, 'endpoint', 'address', 'socket_address', 'port_value');
      return address === undefined || port === undefined ? [] : [{ address, port }];
    });
}
