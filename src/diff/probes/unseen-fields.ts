import type { NotCompared } from '../comparison.ts';
import type { EdgeParts } from '../pieces/edge-parts.ts';
import { canonicalText, isJsonObject, type JsonObject, objectsAt, textAt, valueAt } from '../pieces/json.ts';

/** Fields of Envoy's configuration that requests show, or that other functions list. */
type ShownFields = ReadonlySet<string>;

const headerFields = [
  'request_headers_to_add',
  'request_headers_to_remove',
  'response_headers_to_add',
  'response_headers_to_remove',
];
const shownOfListener: ShownFields = new Set([
  ...['name', 'address', 'additional_addresses', 'filter_chains', 'default_filter_chain', 'listener_filters'],
  ...['metadata', 'traffic_direction', 'access_log'],
]);
const shownOfConnections: ShownFields = new Set([
  ...['@type', 'stat_prefix', 'access_log', 'tracing', 'rds', 'route_config', 'http_filters'],
  ...['cluster', 'weighted_clusters'],
]);
const shownOfRouteConfig: ShownFields = new Set(['name', 'virtual_hosts', ...headerFields]);
const shownOfVirtualHost: ShownFields = new Set([
  ...['name', 'domains', 'routes', 'require_tls', 'typed_per_filter_config', 'include_request_attempt_count'],
  ...['rate_limits', 'retry_policy', ...headerFields],
]);
const shownOfRoute: ShownFields = new Set([
  ...['name', 'match', 'metadata', 'decorator', 'stat_prefix', 'tracing', 'route', 'redirect', 'direct_response'],
  ...['typed_per_filter_config', ...headerFields],
]);
/** Fields of a route to a cluster; those that the report names in another way are among them. */
const shownOfAction: ShownFields = new Set([
  ...['cluster', 'weighted_clusters', 'timeout', 'retry_policy', 'prefix_rewrite', 'regex_rewrite'],
  ...[
    'host_rewrite_literal',
    'auto_host_rewrite',
    'request_mirror_policies',
    'max_grpc_timeout',
    'max_stream_duration',
  ],
  ...['hedge_policy', 'hash_policy', 'rate_limits', 'internal_redirect_policy', 'idle_timeout', 'upgrade_configs'],
]);
const noFields: ShownFields = new Set(['@type']);
const shownOfInboundCluster: ShownFields = new Set(['name', 'metadata', 'load_assignment', 'type', 'alt_stat_name']);

/**
 * Returns the settings of an edge that differ and that no request shows. A field is one of them unless requests are known
 * to show it, so that a setting that nobody thought of is listed too.
 */
export function unseenFields(before: EdgeParts, after: EdgeParts): NotCompared[] {
  const [earlier, later] = [fieldsOf(before), fieldsOf(after)];
  const subjects = [...earlier].flatMap(([place, old]) => {
    const changed = later.get(place);
    // Requests show a part that only one side has.
    if (changed === undefined) return [];
    return [...new Set([...old.keys(), ...changed.keys()])].filter((title) => old.get(title) !== changed.get(title));
  });
  const reason = 'its settings differ, and a single request does not show them';
  return [
    ...[...new Set(subjects)].map((subject) => ({ subject, reason })),
    ...certificateChanges(before, after),
    ...(before.program === after.program ? [] : [{ subject: "settings of the caller's proxy or mock", reason }]),
  ];
}

/** Texts of fields by their name for people, for each part of a configuration. */
type FieldTexts = Map<string, Map<string, string>>;

/** Adds the fields of a part that requests do not show. */
type AddFields = (place: string, part: string, object: JsonObject, shown: ShownFields) => void;

function fieldsOf(parts: EdgeParts): FieldTexts {
  const found: FieldTexts = new Map();
  const add: AddFields = (place, part, object, shown) => {
    const texts = found.get(place) ?? new Map<string, string>();
    found.set(place, texts);
    for (const [field, value] of Object.entries(object)) {
      if (shown.has(field)) continue;
      const title = `${field} of ${part}`;
      texts.set(title, `${texts.get(title) ?? ''}\n${canonicalText(value ?? null)}`);
    }
  };
  addSender(parts, add);
  addReceivers(parts, add);
  return found;
}

function addSender({ sender }: EdgeParts, add: AddFields): void {
  if (sender === undefined) return;
  for (const listener of sender.listeners) {
    const place = textAt(listener, 'name') ?? '';
    add(place, 'a listener', listener, shownOfListener);
    for (const one of objectsAt(listener, 'filter_chains')) addChain(place, one, add);
  }
  for (const virtualHost of sender.virtualHosts) addVirtualHost(virtualHost, add);
  for (const { settings } of sender.routeConfigs)
    add(`routes ${textAt(settings, 'name')}`, 'all routes', settings, shownOfRouteConfig);
  for (const runtime of sender.runtime) add('runtime', "Envoy's runtime", runtime, noFields);
}

function addVirtualHost(virtualHost: JsonObject, add: AddFields): void {
  add('host', 'the host', virtualHost, shownOfVirtualHost);
  for (const route of objectsAt(virtualHost, 'routes')) {
    add('route', 'a route', route, shownOfRoute);
    const action = valueAt(route, 'route');
    if (isJsonObject(action)) add('route', 'a route', action, shownOfAction);
  }
}

function addReceivers({ receivers }: EdgeParts, add: AddFields): void {
  for (const { listener, chains, clusters, pod, port } of receivers) {
    const place = `${pod.workload} ${port}`;
    if (listener !== undefined) add(place, "the callee's listener", listener, shownOfListener);
    for (const one of chains) addChain(place, one, add);
    for (const cluster of clusters) {
      const name = textAt(cluster, 'name') ?? '';
      if (name.startsWith('inbound|')) add(`${place} ${name}`, "the callee's sidecar", cluster, shownOfInboundCluster);
    }
  }
}

function addChain(place: string, chain: JsonObject, add: AddFields): void {
  const at = `${place} ${canonicalText(chain.filter_chain_match ?? null)}`;
  const tls = valueAt(chain, 'transport_socket', 'typed_config', 'common_tls_context');
  if (isJsonObject(tls)) {
    const { tls_params: parameters = null, alpn_protocols: protocols = null } = tls;
    add(`${at} TLS`, 'TLS', { parameters, protocols }, noFields);
  }
  for (const filter of objectsAt(chain, 'filters')) {
    const name = textAt(filter, 'name') ?? '';
    const config = valueAt(filter, 'typed_config');
    if (isJsonObject(config) && connectionFilters.has(name))
      add(`${at} ${name}`, 'connections', config, shownOfConnections);
  }
}

/** Filters of connections whose settings are read here. */
const connectionFilters = new Set(['envoy.filters.network.http_connection_manager', 'envoy.filters.network.tcp_proxy']);

/** Returns the certificates with other contents under the same name. Clients of probes trust each of them. */
function certificateChanges(before: EdgeParts, after: EdgeParts): NotCompared[] {
  const [earlier, later] = [certificatesOf(before), certificatesOf(after)];
  return [...later]
    .filter(([name, text]) => earlier.has(name) && earlier.get(name) !== text)
    .map(([name]) => ({ subject: `certificate ${name}`, reason: 'it differs, and clients may not trust it' }));
}

function certificatesOf({ sender, receivers }: EdgeParts): Map<string, string> {
  const parts = [...(sender?.secrets ?? []), ...receivers.flatMap(({ named }) => named)];
  const secrets = parts.filter((one) => 'tls_certificate' in one || 'validation_context' in one);
  return new Map(secrets.map((one) => [textAt(one, 'name') ?? '', canonicalText(one)]));
}
