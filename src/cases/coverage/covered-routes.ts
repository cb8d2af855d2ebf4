import type { LoggedRequest } from '../../istio/observe/access-log.ts';
import type { KubeObject } from '../../istio/resources/objects.ts';
import { type GatewayApiRoute, isGatewayApiRoute, namedRoutes, namedRules } from '../../istio/resources/route-names.ts';
import { type HttpRoute, isVirtualService, type VirtualService } from '../../istio/resources/virtual-service.ts';

/** A route of an object or, with `match`, one match of the route. Both are counted from 0. */
export interface RoutePart {
  readonly object: KubeObject;
  readonly route: number;
  readonly match?: number;
}

/** Coverage of a part. It is `ambiguous` if other routes have the same name in access logs. */
export type RouteCoverage = 'covered' | 'ambiguous' | 'uncovered';

/** Routes that requests took. Proxies log the name of a route, and the VirtualService that it comes from. */
export class CoveredRoutes {
  /** Parts that each logged name may mean, as keys. A name with several lists is ambiguous. */
  private readonly partsByName = new Map<string, string[][]>();
  private readonly covered = new Set<string>();
  private readonly ambiguous = new Set<string>();

  /** @param objects all objects of the mesh, each with its namespace */
  constructor(objects: readonly KubeObject[], requests: readonly LoggedRequest[]) {
    const services = objects.filter(isVirtualService);
    for (const service of services)
      for (const logged of loggedRoutesOf(service, services)) this.addName(qualifiedName(service), logged);
    for (const route of objects.filter(isGatewayApiRoute))
      for (const logged of loggedRulesOf(route)) this.addName(gatewayApiOrigin, logged);
    for (const request of requests) this.addRequest(request);
  }

  coverageOf(part: RoutePart): RouteCoverage {
    const key = partKey(part);
    if (this.covered.has(key)) return 'covered';
    return this.ambiguous.has(key) ? 'ambiguous' : 'uncovered';
  }

  private addName(origin: string, { name, parts }: LoggedRoute): void {
    const key = `${origin} ${name}`;
    this.partsByName.set(key, [...(this.partsByName.get(key) ?? []), parts.map(partKey)]);
  }

  /** Covers the parts that every meaning of a logged name has in common. */
  private addRequest({ route, config = '' }: LoggedRequest): void {
    const meanings = this.partsByName.get(`${originOf(config)} ${route}`) ?? [];
    for (const key of meanings.flat())
      (meanings.every((keys) => keys.includes(key)) ? this.covered : this.ambiguous).add(key);
  }
}

/** Name of a route in access logs, and the parts that a request with this name covers. */
interface LoggedRoute {
  readonly name: string;
  readonly parts: readonly RoutePart[];
}

/** Returns the routes that istiod makes of a VirtualService, one for each match. Those of a delegate join its root's. */
function loggedRoutesOf(service: VirtualService, all: readonly VirtualService[]): LoggedRoute[] {
  if ((service.spec.hosts ?? []).length === 0) return [];
  return namedRoutes(service).flatMap((route, index) => {
    const matches = loggedMatchesOf(service, route, index);
    if (route.delegate === undefined) return matches.map((match) => withRouteName(route.name, match));
    const { name, namespace = service.metadata.namespace } = route.delegate;
    const delegate = all.find((one) => qualifiedName(one) === `${namespace}/${name}`);
    if (delegate === undefined) return [];
    return namedRoutes(delegate).flatMap((delegateRoute, delegateIndex) =>
      matches.flatMap((match) =>
        loggedMatchesOf(delegate, delegateRoute, delegateIndex).map((delegateMatch) =>
          withRouteName(joinNames(route.name, delegateRoute.name), {
            name: joinNames(match.name, delegateMatch.name),
            parts: [...match.parts, ...delegateMatch.parts],
          }),
        ),
      ),
    );
  });
}

function loggedRulesOf(object: GatewayApiRoute): LoggedRoute[] {
  return namedRules(object).flatMap(({ rule, split }, route) =>
    split.flatMap(({ name }, index) => {
      const matches = split.length > 1 ? [index] : [...(rule.matches ?? [undefined]).keys()];
      return matches.map((match) => ({ name, parts: partsOf(object, route, match) }));
    }),
  );
}

function loggedMatchesOf(object: VirtualService, { match }: HttpRoute, route: number): LoggedRoute[] {
  const matches = match?.length ? match : [{}];
  return matches.map(({ name = '' }, index) => ({ name, parts: partsOf(object, route, index) }));
}

function partsOf(object: KubeObject, route: number, match: number): RoutePart[] {
  return [
    { object, route },
    { object, route, match },
  ];
}

/** Joins the names of a root and of its delegate as Istio does. */
function joinNames(root = '', delegate = ''): string {
  return [root, delegate].filter((name) => name !== '').join('-');
}

function withRouteName(route = '', { name, parts }: LoggedRoute): LoggedRoute {
  return { name: name === '' ? route : `${route}.${name}`, parts };
}

/** Origin of all routes of Gateway API. istiod makes VirtualServices of them, some from several routes. */
const gatewayApiOrigin = '';

/** Returns the VirtualService that a logged API path names. Only names that istiod makes itself have a tilde. */
function originOf(apiPath: string): string | undefined {
  const [, namespace, name = ''] = /\/namespaces\/([^/]+)\/virtual-service\/(.+)$/.exec(apiPath) ?? [];
  return name.includes('~') ? gatewayApiOrigin : `${namespace}/${name}`;
}

function qualifiedName({ metadata: { namespace, name } }: KubeObject): string {
  return `${namespace}/${name}`;
}

function partKey({ object, route, match }: RoutePart): string {
  return [object.kind, qualifiedName(object), route, match ?? ''].join(' ');
}
