import { optional } from '../../error/optional.ts';
import { groupOf, type KubeObject } from './objects.ts';
import { type HttpRoute, isVirtualService, type VirtualService } from './virtual-service.ts';

/** HTTPRoute or GRPCRoute of the Gateway API, with the fields that are read here. */
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

/** Gives each route of an object a name for access logs. Existing names stay: an EnvoyFilter may refer to them. */
export function withRouteNames(object: KubeObject): KubeObject {
  if (isVirtualService(object) && object.spec?.http !== undefined)
    return { ...object, spec: { ...object.spec, http: namedRoutes(object) } };
  if (isGatewayApiRoute(object) && object.spec?.rules !== undefined)
    return { ...object, spec: { ...object.spec, rules: namedRules(object).flatMap(({ split }) => split) } };
  return object;
}

/** Returns the routes of a VirtualService, each with a name. New names are unique in the mesh. */
export function namedRoutes({ metadata: { namespace = 'default', name }, spec }: VirtualService): HttpRoute[] {
  return (spec.http ?? []).map((route, index) => {
    if (route.name) return route;
    const match = route.match?.map((one, matchIndex) => ({ ...one, name: one.name || matchName(matchIndex) }));
    return { ...route, name: `/${namespace}/${name}/http[${index}]`, ...optional('match', match) };
  });
}

/**
 * Returns the rules of a route of the Gateway API, each with a name. Matches cannot have names, so a rule without a
 * name is split into one rule for each match, as istiod does, unless the object would have too many rules.
 * A name is a subdomain (Gateway API, `SectionName`).
 */
export function namedRules({ kind, metadata: { namespace = 'default', name }, spec }: GatewayApiRoute): {
  readonly rule: GatewayApiRule;
  /** A rule for each match, or the rule itself. */
  readonly split: readonly (GatewayApiRule & { readonly name: string })[];
}[] {
  const { rules = [] } = spec;
  const isTooLong = rules.reduce((sum, { matches = [] }) => sum + Math.max(1, matches.length), 0) > maxRules;
  return rules.map((rule, index) => {
    if (rule.name) return { rule, split: [{ ...rule, name: rule.name }] };
    const ruleName = `${namespace}.${name}.${kind.toLowerCase()}-${index}`;
    const { matches = [] } = rule;
    if (matches.length < 2 || isTooLong) return { rule, split: [{ ...rule, name: ruleName }] };
    return {
      rule,
      split: matches.map((one, matchIndex) => ({
        ...rule,
        name: `${ruleName}.match-${matchIndex}`,
        matches: [one],
      })),
    };
  });
}

/** Maximum number of rules of a route (Gateway API, `HTTPRouteSpec.rules`). */
const maxRules = 16;

function matchName(index: number): string {
  return `match[${index}]`;
}
