import type { NotCompared } from '../comparison.ts';
import type { EdgeParts } from '../pieces/edge-parts.ts';
import {
  canonicalText,
  forEachObject,
  isJsonObject,
  type Json,
  type JsonObject,
  numberAt,
  objectsAt,
  textAt,
  valueAt,
} from '../pieces/json.ts';

/** HTTP filters whose effect requests show, because there is a request for each of their conditions. */
const shownFilters = new Set([
  'envoy.filters.http.rbac',
  'envoy.filters.http.jwt_authn',
  'envoy.filters.http.fault',
  'envoy.filters.http.cors',
  'envoy.filters.http.router',
  'envoy.filters.http.local_ratelimit',
  'envoy.filters.http.grpc_stats',
  'envoy.filters.network.rbac',
  'envoy.filters.network.http_connection_manager',
  'envoy.filters.network.tcp_proxy',
  'meshmock.alpn',
]);

/** Fields of a route that single requests do not show, with their names for people. */
const unseenRouteFields: Readonly<Record<string, string>> = {
  hedge_policy: 'request hedging',
  hash_policy: 'consistent hashing',
  rate_limits: 'rate limits',
  internal_redirect_policy: 'internal redirects',
  idle_timeout: 'idle timeout',
  upgrade_configs: 'upgrades of the protocol',
};

/** Returns the settings of an edge that differ, and whose effect the requests of probes may not show. */
export function unseenSettings(before: EdgeParts, after: EdgeParts): NotCompared[] {
  const filters = differing(filtersOf(before), filtersOf(after)).map((name) => ({
    subject: `filter ${name}`,
    reason: 'its settings differ, and the requests are not made for its conditions',
  }));
  const fields = differing(routeFieldsOf(before), routeFieldsOf(after)).map((name) => ({
    subject: name,
    reason: 'its settings differ, and a single request does not show them',
  }));
  return [...filters, ...fields];
}

/** Returns the names whose texts are not the same on both sides. */
function differing(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name));
}

function filtersOf({ sender, receivers }: EdgeParts): Map<string, string> {
  const texts = new Map<string, Set<string>>();
  const add = (filter: JsonObject): void => {
    const name = textAt(filter, 'name') ?? '';
    if (shownFilters.has(name) || filter.typed_config === undefined) return;
    const known = texts.get(name) ?? new Set();
    texts.set(name, known.add(canonicalText(filter.typed_config)));
  };
  const chains = receivers.flatMap(({ chains: some }) => some);
  forEachObject([...(sender?.listeners ?? []), ...chains], (object) => {
    for (const list of ['http_filters', 'filters']) for (const filter of objectsAt(object, list)) add(filter);
  });
  for (const extension of [...(sender?.extensions ?? []), ...receivers.flatMap(({ named }) => named)]) add(extension);
  for (const virtualHost of sender?.virtualHosts ?? [])
    forEachObject(virtualHost, ({ typed_per_filter_config: filters }) => {
      if (isJsonObject(filters))
        for (const [name, config] of Object.entries(filters)) add({ name, typed_config: config });
    });
  return new Map([...texts].map(([name, some]) => [name, [...some].toSorted().join('\n')]));
}

function routeFieldsOf({ sender }: EdgeParts): Map<string, string> {
  const texts = new Map<string, string>();
  for (const virtualHost of sender?.virtualHosts ?? [])
    forEachObject(virtualHost, (object) => {
      for (const [field, name] of Object.entries(unseenRouteFields))
        if (object[field] !== undefined) texts.set(name, `${texts.get(name) ?? ''}\n${canonicalText(object[field])}`);
    });
  return texts;
}

/** Most requests that are sent at once to show a rate limit. */
const mostTokens = 90;

/**
 * Returns the number of requests that show a local rate limit; undefined if it is the same on both sides, or allows more than
 * probes send.
 *
 * @param isLive true for running meshes, which may differ where both sides are the same
 */
export function rateLimitBurst(before: EdgeParts, after: EdgeParts, isLive: boolean): number | undefined {
  const [earlier, later] = [bucketsOf(before), bucketsOf(after)];
  if (!isLive && canonicalText(earlier) === canonicalText(later)) return undefined;
  const tokens = [...earlier, ...later].flatMap((bucket) => numberAt(bucket, 'max_tokens') ?? []);
  const least = Math.min(...tokens);
  return Number.isFinite(least) && least <= mostTokens ? 2 * least + 4 : undefined;
}

function bucketsOf({ sender, receivers }: EdgeParts): Json[] {
  const found: Json[] = [];
  const parts = [
    ...(sender?.virtualHosts ?? []),
    ...(sender?.listeners ?? []),
    ...receivers.flatMap(({ chains }) => chains),
  ];
  forEachObject(parts, (object) => {
    const bucket = valueAt(object, 'token_bucket');
    if (bucket !== undefined) found.push(bucket);
  });
  return found;
}
