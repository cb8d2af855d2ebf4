import type { Cause } from '../cause.ts';
import type { EnvoyRoute } from './edge-side.ts';

const kindsOfPaths: Readonly<Record<string, string>> = {
  'virtual-service': 'VirtualService',
  'destination-rule': 'DestinationRule',
  'service-entry': 'ServiceEntry',
};

/**
 * Returns the objects that a route comes from, and the places in them that the name of the route says: those of a delegate's
 * route are the delegate, and then the VirtualServices that lead to it.
 */
export function causesOfRoute({ metadata, name = '' }: EnvoyRoute): Cause[] {
  const first = causeOfPath(metadata?.filter_metadata?.istio?.config, name);
  return first === undefined ? [] : [first, ...placesIn(name).slice(0, -1).toReversed()];
}

/** Returns the places that the name of a route says, which the local mesh writes: the root's first, a delegate's last. */
function placesIn(routeName: string): Cause[] {
  return [...routeName.matchAll(/\/([^/]+)\/([^/]+)\/(http\[\d+\])/g)].map(([, namespace = '', name = '', place]) => ({
    kind: 'VirtualService',
    namespace,
    name,
    place,
    where: undefined,
  }));
}

/**
 * Returns the object of a path that istiod writes into Envoy's metadata.
 *
 * @param routeName name of the route: the local mesh names those without one by their place
 * @example
 * causeOfPath('/apis/networking.istio.io/v1/namespaces/shop/virtual-service/cart', '/shop/cart/http[0]');
 * // VirtualService cart of shop, http[0]
 */
export function causeOfPath(path: string | undefined, routeName: string): Cause | undefined {
  const [, namespace = '', type = '', object = ''] = /\/namespaces\/([^/]+)\/([^/]+)\/(.+)$/.exec(path ?? '') ?? [];
  if (object === '') return undefined;
  const placed = placesIn(routeName).at(-1);
  if (placed !== undefined) return placed;
  // Names with a tilde are those of VirtualServices that istiod makes of the Gateway API's routes.
  if (object.includes('~')) return causeOfRouteName(routeName, namespace);
  const kind = kindsOfPaths[type] ?? type;
  const place = routeName === '' || routeName === 'default' ? undefined : `route ${routeName}`;
  return { kind, namespace, name: object, place, where: undefined };
}

/** Returns the route of the Gateway API that a name says: `NAMESPACE.NAME.INDEX`, or the longer one of the local mesh. */
function causeOfRouteName(routeName: string, namespace: string): Cause {
  const [, ofNamespace = namespace, name = routeName, protocol, index] =
    /^([^.]+)\.(.+?)\.(?:(http|grpc)route-)?(\d+)(?:\.match-\d+)?$/.exec(routeName) ?? [];
  const kind = protocol === 'grpc' ? 'GRPCRoute' : 'HTTPRoute';
  const place = index === undefined ? undefined : `rules[${index}]`;
  return { kind, namespace: ofNamespace, name, place, where: undefined };
}

/** Returns the policy and the rule of a policy of Envoy's RBAC filter. */
export function causeOfRule(name: string): Cause | undefined {
  const [, namespace, object, rule] = /^ns\[([^\]]+)\]-policy\[([^\]]+)\]-rule\[(\d+)\]/.exec(name) ?? [];
  if (namespace === undefined || object === undefined) return undefined;
  return { kind: 'AuthorizationPolicy', namespace, name: object, place: `rules[${rule}]`, where: undefined };
}
