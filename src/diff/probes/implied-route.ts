import type { EdgeParts } from '../pieces/edge-parts.ts';
import { type Json, type JsonObject, objectsAt, textAt, valueAt } from '../pieces/json.ts';
import type { EdgeProtocol } from '../pieces/mesh-targets.ts';

/** Name that stands for the pods of a Service, which a caller without a proxy reaches. */
export const podsOfService = 'pods of the Service';

/**
 * Returns Envoy's route of requests that no HTTP route decides about: to the clusters of a TCP proxy, or to the pods of the
 * Service for a caller without a proxy.
 */
export function impliedRoute({ sender }: EdgeParts, protocol: EdgeProtocol): Json | undefined {
  if (sender === undefined) return { route: { cluster: podsOfService } };
  if (protocol !== 'tcp') return undefined;
  // A listener of one address comes before one of all addresses (Envoy, "original destination").
  const listeners = sender.listeners
    .filter((one) => textAt(one, 'name') !== 'virtualOutbound')
    .toSorted((one, other) => Number(isOfAllAddresses(one)) - Number(isOfAllAddresses(other)));
  const [proxy] = listeners
    .flatMap((one) => [...objectsAt(one, 'filter_chains'), ...defaultChain(one)])
    .flatMap(tcpProxies);
  if (proxy === undefined) return undefined;
  const weighted = valueAt(proxy, 'weighted_clusters');
  if (weighted !== undefined) return { route: { weighted_clusters: weighted } };
  const cluster = textAt(proxy, 'cluster');
  return cluster === undefined ? undefined : { route: { cluster } };
}

function isOfAllAddresses(listener: JsonObject): boolean {
  return ['0.0.0.0', '::'].includes(textAt(listener, 'address', 'socket_address', 'address') ?? '');
}

function defaultChain(listener: JsonObject): JsonObject[] {
  return objectsAt({ chains: [listener.default_filter_chain ?? null] }, 'chains');
}

function tcpProxies(chain: JsonObject): JsonObject[] {
  return objectsAt(chain, 'filters')
    .filter((one) => textAt(one, 'name') === 'envoy.filters.network.tcp_proxy')
    .flatMap((one) => objectsAt({ configs: [one.typed_config ?? null] }, 'configs'));
}
