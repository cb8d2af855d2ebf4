import { groupOf, type KubeObject } from './objects.ts';
import { type HttpRoute, isVirtualService, type VirtualService } from './virtual-service.ts';

/** A route of Gateway API whose rules are routes of HTTP, as much of it. */
export interface GatewayApiRoute extends KubeObject {
  spec: { rules?: GatewayApiRule[]; [field: string]: unknown };
}

export interface GatewayApiRule {
  name?: string;
  matches?: unknown[];
  [field: string]: unknown;
}

export function isGatewayApiRoute(object: KubeObject): object is GatewayApiRoute {
  return /^(?:HTTP|GRPC)Route$/.test(object.kind) && groupOf(object) === 'gateway.networking.k8s.io';
}

/** An object whose routes have names in access logs; where somebody gave one, an EnvoyFilter may be about it. */
export function withRouteNames(object: KubeObject): KubeObject {
  if (isVirtualService(object) && object.spec?.http !== undefined)
    return { ...object, spec: { ...object.spec, http: namedRoutes(object) } };
  if (isGatewayApiRoute(object) && object.spec?.rules !== undefined)
    return { ...object, spec: { ...object.spec, rules: namedRules(object).flatMap(({ split }) => split) } };
  return object;
}

/** The routes of a VirtualService, each with a name: those without one get one that no other of a mesh has. */
export function namedRoutes({ metadata: { namespace = 'default', name }, spec }: VirtualService): HttpRoute[] {
  return (spec.http ?? []).map((route, index) => {
    if (route.name) return route;
    const match = route.match?.map((one, place) => ({ ...one, name: one.name || matchName(place) }));
    return { ...route, name: `/${namespace}/${name}/http[${index}]`, ...(match === undefined ? {} : { match }) };
  });
}

/**
 * The rules of a route of Gateway API, each with a name. Their matches have none: a rule that nobody has named is split
 * into one for each, as istiod does anyway.
 */
export function namedRules({ kind, metadata: { namespace = 'default', name }, spec }: GatewayApiRoute): {
  readonly rule: GatewayApiRule;
  /** One for each match, or the rule itself. */
  readonly split: readonly (GatewayApiRule & { readonly name: string })[];
}[] {
  return (spec.rules ?? []).map((rule, index) => {
    if (rule.name) return { rule, split: [{ ...rule, name: rule.name }] };
    const own = `/${namespace}/${name}/${kind}[${index}]`;
    const { matches = [] } = rule;
    if (matches.length < 2) return { rule, split: [{ ...rule, name: own }] };
    return {
      rule,
      split: matches.map((one, place) => ({ ...rule, name: `${own}.${matchName(place)}`, matches: [one] })),
    };
  });
}

/** The name of a match without one. */
function matchName(index: number): string {
  return `match[${index}]`;
}
