import { type Json, type JsonObject, objectsAt, textAt, valueAt } from './json.ts';

/** Configuration of one Envoy, as its dump shows it. */
export interface EnvoyConfig {
  readonly listeners: readonly JsonObject[];
  /** Route configurations by name. */
  readonly routes: ReadonlyMap<string, JsonObject>;
  readonly clusters: ReadonlyMap<string, JsonObject>;
  /** Endpoints by the name of their cluster. */
  readonly endpoints: ReadonlyMap<string, JsonObject>;
  /** Certificates by name, without private keys. */
  readonly secrets: ReadonlyMap<string, JsonObject>;
  /** Filters that listeners only name, such as those of WasmPlugins, by name. */
  readonly extensions: ReadonlyMap<string, JsonObject>;
  /** Runtime settings of Envoy, which annotations of a pod may set. */
  readonly runtime: readonly JsonObject[];
}

/** Configuration of a pod without a proxy. */
export const noConfig: EnvoyConfig = {
  listeners: [],
  routes: new Map(),
  clusters: new Map(),
  endpoints: new Map(),
  secrets: new Map(),
  extensions: new Map(),
  runtime: [],
};

/**
 * Parses Envoy's answer to `/config_dump?include_eds`. Of the bootstrap, only runtime settings decide about requests.
 *
 * @example parseEnvoyDump(text).clusters.get('outbound|8080||reviews.default.svc.cluster.local')
 */
export function parseEnvoyDump(text: string): EnvoyConfig {
  const configs = objectsAt(JSON.parse(text) as Json, 'configs');
  const section = (name: string): JsonObject[] =>
    configs.filter((one) => textAt(one, '@type') === `type.googleapis.com/envoy.admin.v3.${name}`);
  const all = (name: string, list: string, ...path: readonly string[]): JsonObject[] =>
    section(name).flatMap((one) => objectsAt(one, list).flatMap((item) => objectOf(valueAt(item, ...path))));
  return {
    listeners: all('ListenersConfigDump', 'dynamic_listeners', 'active_state', 'listener'),
    routes: byField('name', all('RoutesConfigDump', 'dynamic_route_configs', 'route_config')),
    clusters: byField('name', all('ClustersConfigDump', 'dynamic_active_clusters', 'cluster')),
    endpoints: byField('cluster_name', [
      ...all('EndpointsConfigDump', 'dynamic_endpoint_configs', 'endpoint_config'),
      ...all('EndpointsConfigDump', 'static_endpoint_configs', 'endpoint_config'),
    ]),
    secrets: byField('name', all('SecretsConfigDump', 'dynamic_active_secrets', 'secret')),
    extensions: byField('name', all('EcdsConfigDump', 'ecds_filters', 'ecds_filter')),
    runtime: section('BootstrapConfigDump').flatMap((one) => objectOf(valueAt(one, 'bootstrap', 'layered_runtime'))),
  };
}

function objectOf(value: Json | undefined): JsonObject[] {
  return objectsAt({ value: [value ?? null] }, 'value');
}

function byField(field: string, objects: readonly JsonObject[]): Map<string, JsonObject> {
  return new Map(objects.map((one) => [textAt(one, field) ?? '', one]));
}
