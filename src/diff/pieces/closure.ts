import type { EnvoyConfig } from './envoy-config.ts';
import {
  forEachObject,
  forEachText,
  type Json,
  type JsonObject,
  numberAt,
  objectsAt,
  textAt,
  valueAt,
} from './json.ts';

/** Clusters to which parts of a configuration lead, with their endpoints. */
export interface ClusterClosure {
  readonly clusters: readonly JsonObject[];
  readonly endpoints: readonly JsonObject[];
  readonly secrets: readonly JsonObject[];
  /** Filters that the parts only name. */
  readonly extensions: readonly JsonObject[];
  /** Addresses and host names of the endpoints, with their ports. */
  readonly addresses: readonly EndpointAddress[];
}

export interface EndpointAddress {
  /** IP address, or a host name of a cluster that asks DNS. */
  readonly address: string;
  readonly port: number;
}

/**
 * Returns the clusters that parts name, and those that these name. A text that is the name of a cluster counts as its use,
 * in whatever field it is, and so does the name in a program or in settings of a filter, so no way to a cluster is
 * overlooked.
 */
export function clustersOf(config: EnvoyConfig, parts: readonly Json[]): ClusterClosure {
  const uses = new Uses(config);
  for (const part of parts) uses.visit(part);
  const clusters = [...uses.clusters].toSorted().flatMap<JsonObject>((name) => config.clusters.get(name) ?? []);
  const endpoints = clusters.flatMap<JsonObject>((cluster) => endpointsOf(config, cluster));
  return {
    clusters,
    endpoints,
    secrets: [...uses.secrets].toSorted().flatMap<JsonObject>((name) => config.secrets.get(name) ?? []),
    extensions: [...uses.extensions],
    addresses: [...endpoints, ...clusters.map((one) => valueAt(one, 'load_assignment'))].flatMap(addressesIn),
  };
}

/** Names of parts of a configuration that other parts use. */
class Uses {
  readonly clusters = new Set<string>();
  readonly secrets = new Set<string>();
  readonly extensions = new Set<JsonObject>();
  private readonly config: EnvoyConfig;

  constructor(config: EnvoyConfig) {
    this.config = config;
  }

  /** Adds what a part uses, and what these parts use. */
  visit(part: Json): void {
    if (choosesByRequest(part)) this.useClusters(() => true);
    forEachText(part, (text) => {
      if (this.config.secrets.has(text) && !isOwnCertificate(text)) this.secrets.add(text);
      const extension = this.config.extensions.get(text);
      if (extension !== undefined && !this.extensions.has(extension)) {
        this.extensions.add(extension);
        this.visit(extension);
      }
      this.useCluster(text);
      if (mayContainNames(text)) this.useClusters((name) => text.includes(name));
    });
  }

  private useClusters(isUsed: (name: string) => boolean): void {
    for (const name of this.config.clusters.keys()) if (isUsed(name)) this.useCluster(name);
  }

  private useCluster(name: string): void {
    const cluster = this.config.clusters.get(name);
    if (cluster === undefined || this.clusters.has(name)) return;
    this.clusters.add(name);
    this.visit(cluster);
  }
}

function endpointsOf(config: EnvoyConfig, cluster: JsonObject): JsonObject[] {
  // Envoy shows the addresses that requests have had lately.
  if (textAt(cluster, 'type') === 'ORIGINAL_DST') return [];
  const service = textAt(cluster, 'eds_cluster_config', 'service_name');
  const name = textAt(cluster, 'name') ?? '';
  const found = config.endpoints.get(service ?? name);
  return found === undefined ? [] : [found];
}

/** Reports whether a certificate is that of a sidecar itself, or of the mesh, which is another one after each start. */
export function isOwnCertificate(name: string): boolean {
  return name === 'default' || name === 'ROOTCA';
}

/** Reports whether a route takes the name of its cluster from the request. */
function choosesByRequest(part: Json): boolean {
  let isChosen = false;
  forEachObject(part, (object) => {
    if ('cluster_header' in object || 'cluster_specifier_plugin' in object) isChosen = true;
  });
  return isChosen;
}

/** Reports whether a text is a program or has fields, such as Lua or JSON. */
function mayContainNames(text: string): boolean {
  return /[\s"'{]/.test(text);
}

/** Returns the addresses in a part, such as those of endpoints. */
function addressesIn(part: Json | undefined): EndpointAddress[] {
  return objectsAt(part, 'endpoints')
    .flatMap((locality) => objectsAt(locality, 'lb_endpoints'))
    .flatMap((endpoint) => {
      const address = textAt(endpoint, 'endpoint', 'address', 'socket_address', 'address');
      const port = numberAt(endpoint, 'endpoint', 'address', 'socket_address', 'port_value');
      return address === undefined || port === undefined ? [] : [{ address, port }];
    });
}
