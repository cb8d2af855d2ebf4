import type { EdgeParts } from '../pieces/edge-parts.ts';
import { type Json, type JsonObject, numberAt, objectsAt, textAt } from '../pieces/json.ts';
import type { Caller } from '../probe.ts';
import type { EdgeSide, EnvoyFilter, EnvoyVirtualHost } from '../requests/edge-side.ts';

/** Returns the configuration of both ends of an edge on one side, in the form that the conditions are read from. */
export function requestSideOf(parts: EdgeParts, caller: Caller, host: string): EdgeSide {
  const { sender, receivers, identity } = parts;
  const virtualHost = (sender?.virtualHosts ?? []).find((one) => domainsInclude(one, host)) ?? sender?.virtualHosts[0];
  const inbound = receivers.flatMap(({ chains, port }) =>
    chains.filter((chain) => isOfPort(chain, port)).flatMap(httpFilters),
  );
  const ofGateway =
    caller.kind === 'gateway'
      ? (sender?.listeners ?? []).flatMap((one) => objectsAt(one, 'filter_chains')).flatMap(httpFilters)
      : [];
  return {
    virtualHost: virtualHost as EnvoyVirtualHost | undefined,
    inboundFilters: uniqueFilters([...ofGateway, ...inbound]) as readonly EnvoyFilter[],
    callerIdentity: identity,
  };
}

function domainsInclude(virtualHost: JsonObject, host: string): boolean {
  const { domains } = virtualHost;
  return Array.isArray(domains) && (domains as readonly Json[]).includes(host);
}

function isOfPort(chain: JsonObject, port: number): boolean {
  return numberAt(chain, 'filter_chain_match', 'destination_port') === port;
}

/** Returns the HTTP filters of a filter chain, and its filters of connections. */
function httpFilters(chain: JsonObject): JsonObject[] {
  return objectsAt(chain, 'filters').flatMap((filter) => {
    const inner = objectsAt(filter, 'typed_config', 'http_filters');
    return inner.length > 0 ? inner : [filter];
  });
}

/** Equal filters of several receivers count once. */
function uniqueFilters(filters: readonly JsonObject[]): JsonObject[] {
  const interesting = filters.filter((one) => textAt(one, 'name') !== 'envoy.filters.http.router');
  return [...new Map(interesting.map((one) => [JSON.stringify(one), one])).values()];
}
