import { type ClusterClosure, clustersOf } from './closure.ts';
import type { EnvoyConfig } from './envoy-config.ts';
import { forEachObject, type JsonObject, numberAt, objectsAt, textAt } from './json.ts';
import { virtualHostFor } from './virtual-hosts.ts';

/** Parts of a proxy that decide about requests that it sends to one destination. */
export interface OutboundParts extends ClusterClosure {
  readonly listeners: readonly JsonObject[];
  readonly virtualHosts: readonly JsonObject[];
  /** Settings of the route configurations, and the virtual hosts of each that the edge has. */
  readonly routeConfigs: readonly RouteConfigPart[];
  readonly runtime: readonly JsonObject[];
}

/** Part of a route configuration. */
export interface RouteConfigPart {
  /** Settings without the virtual hosts. */
  readonly settings: JsonObject;
  readonly virtualHosts: readonly JsonObject[];
}

/** Host and port that an application calls. */
export interface OutboundTarget {
  readonly port: number;
  /** Addresses to which the host resolves. */
  readonly addresses: readonly string[];
  /** Authorities with which an application may call it. */
  readonly authorities: readonly string[];
}

/** Returns the parts of a sidecar for a destination. */
export function sidecarParts(config: EnvoyConfig, target: OutboundTarget): OutboundParts {
  const listeners = config.listeners.filter((listener) => {
    const name = textAt(listener, 'name');
    if (name === 'virtualOutbound') return true;
    if (textAt(listener, 'traffic_direction') !== 'OUTBOUND') return false;
    if (numberAt(listener, 'address', 'socket_address', 'port_value') !== target.port) return false;
    const address = textAt(listener, 'address', 'socket_address', 'address') ?? '';
    return ['0.0.0.0', '::'].includes(address) || target.addresses.includes(address);
  });
  return partsOf(config, listeners, target.authorities);
}

/** Returns the parts of a gateway for a host at a port of its pod. */
export function gatewayParts(config: EnvoyConfig, port: number, authorities: readonly string[]): OutboundParts {
  return partsOf(config, gatewayListeners(config, port), authorities);
}

/** Returns the listeners of a gateway at a port. */
export function gatewayListeners(config: EnvoyConfig, port: number): JsonObject[] {
  return config.listeners.filter((one) => numberAt(one, 'address', 'socket_address', 'port_value') === port);
}

/** Returns the route configurations that listeners use. */
export function routeConfigsOf(config: EnvoyConfig, listeners: readonly JsonObject[]): JsonObject[] {
  const found: JsonObject[] = [];
  forEachObject(listeners, (object) => {
    const name = textAt(object, 'rds', 'route_config_name');
    const named = name === undefined ? undefined : config.routes.get(name);
    if (named !== undefined) found.push(named);
    found.push(...objectsAt({ inline: [object.route_config ?? null] }, 'inline'));
  });
  return found;
}

function partsOf(config: EnvoyConfig, listeners: readonly JsonObject[], authorities: readonly string[]): OutboundParts {
  const routeConfigs = routeConfigsOf(config, listeners);
  const selected = routeConfigs.map((one): RouteConfigPart => {
    const { virtual_hosts: _, ...settings } = one;
    const ofEdge = authorities.flatMap<JsonObject>((authority) => virtualHostFor(one, authority) ?? []);
    return { settings, virtualHosts: [...new Set(ofEdge)] };
  });
  const virtualHosts = [...new Set(selected.flatMap((one) => one.virtualHosts))];
  // Each listener keeps its routes in a configuration of their own, or has them itself.
  const parts = [...listeners.map(withoutRoutes), ...virtualHosts, ...selected.map(({ settings }) => settings)];
  const { runtime } = config;
  return {
    listeners: listeners.map(withoutRoutes),
    virtualHosts,
    routeConfigs: selected,
    runtime,
    ...clustersOf(config, parts),
  };
}

/** Removes routes that a listener has itself: the virtual hosts that matter are compared apart. */
function withoutRoutes(listener: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(listener, (field, value: unknown) => (field === 'route_config' ? undefined : value)),
  ) as JsonObject;
}
