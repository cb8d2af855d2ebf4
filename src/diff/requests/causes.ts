import type { Cause } from '../model.ts';
import type { EnvoyRoute } from './edge-side.ts';

const kindsOfPaths: Readonly<Record<string, string>> = {
  'virtual-service': 'VirtualService',
  'destination-rule': 'DestinationRule',
  'service-entry': 'ServiceEntry',
};

/** Returns the object that a route comes from, and the place in it that the name of the route says. */
export function causeOfRoute({ metadata, name = '' }: EnvoyRoute): Cause | undefined {
  return causeOfPath(metadata?.filter_metadata?.istio?.config, name);
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
  // The name of a delegate's route follows that of its root.
  const placed = [...routeName.matchAll(/\/([^/]+)\/([^/]+)\/(http\[\d+\])/g)].at(-1);
  if (placed !== undefined) {
    const [, ofNamespace = namespace, ofName = object, place] = placed;
    return { kind: 'VirtualService', namespace: ofNamespace, name: ofName, place, where: undefined };
  }
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
