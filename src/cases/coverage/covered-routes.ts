import type { LoggedRequest } from '../../istio/access-log.ts';
import type { KubeObject } from '../../istio/objects.ts';
import { type GatewayApiRoute, isGatewayApiRoute, namedRoutes, namedRules } from '../../istio/route-names.ts';
import { type HttpRoute, isVirtualService, type VirtualService } from '../../istio/virtual-service.ts';

/** A route of an object, or one of its matches. */
export interface RoutePart {
  readonly object: KubeObject;
  readonly route: number;
  readonly match?: number;
}

/** What is known of a part; `perhaps` where proxies call others by the same name. */
export type IsCovered = 'yes' | 'no' | 'perhaps';

/** Which routes requests have taken: what proxies log is a name, and the VirtualService that the route is from. */
export class CoveredRoutes {
  /** All that a logged name may mean, as keys of parts: several where names are the same. */
  private readonly meant = new Map<string, string[][]>();
  private readonly met = new Set<string>();
  private readonly perhaps = new Set<string>();

  /** @param objects each with its namespace */
  constructor(objects: readonly KubeObject[], requests: readonly LoggedRequest[]) {
    const services = objects.filter(isVirtualService);
    for (const service of services)
      for (const named of namedByProxies(service, services)) this.add(nameOf(service), named);
    for (const route of objects.filter(isGatewayApiRoute))
      for (const named of rulesNamedByProxies(route)) this.add(gatewayApi, named);
    for (const request of requests) this.meet(request);
  }

  isMet(part: RoutePart): IsCovered {
    if (this.met.has(keyOf(part))) return 'yes';
    return this.perhaps.has(keyOf(part)) ? 'perhaps' : 'no';
  }

  private add(origin: string, { name, parts }: Named): void {
    const key = `${origin} ${name}`;
    this.meant.set(key, [...(this.meant.get(key) ?? []), parts.map(keyOf)]);
  }

  private meet({ route, config = '' }: LoggedRequest): void {
    const meant = this.meant.get(`${originOf(config)} ${route}`) ?? [];
    for (const key of meant.flat()) (meant.every((keys) => keys.includes(key)) ? this.met : this.perhaps).add(key);
  }
}

/** A name in proxies, and what a request of that name has met. */
interface Named {
  readonly name: string;
  readonly parts: readonly RoutePart[];
}

/** The routes that istiod makes of a VirtualService: one for each match. One without hosts is only delegated to. */
function namedByProxies(service: VirtualService, all: readonly VirtualService[]): Named[] {
  if ((service.spec.hosts ?? []).length === 0) return [];
  return namedRoutes(service).flatMap((route, index) => {
    const own = matchesOf(service, route, index);
    if (route.delegate === undefined) return own.map((match) => ofRoute(route.name, match));
    const { name, namespace = service.metadata.namespace } = route.delegate;
    const child = all.find((one) => nameOf(one) === `${namespace}/${name}`);
    return (child === undefined ? [] : namedRoutes(child)).flatMap((inner, place) =>
      own.flatMap((match) =>
        matchesOf(child as VirtualService, inner, place).map((other) =>
          ofRoute(joined(route.name, inner.name), {
            name: joined(match.name, other.name),
            parts: [...match.parts, ...other.parts],
          }),
        ),
      ),
    );
  });
}

function rulesNamedByProxies(object: GatewayApiRoute): Named[] {
  return namedRules(object).flatMap(({ rule, split }, route) =>
    split.flatMap(({ name }, index) => {
      const matches = split.length > 1 ? [index] : [...(rule.matches ?? [undefined]).keys()];
      return matches.map((match) => ({
        name,
        parts: [
          { object, route },
          { object, route, match },
        ],
      }));
    }),
  );
}

function matchesOf(object: VirtualService, { match }: HttpRoute, route: number): Named[] {
  const matches = match?.length ? match : [{}];
  return matches.map(({ name = '' }, index) => ({
    name,
    parts: [
      { object, route },
      { object, route, match: index },
    ],
  }));
}

/** Istio joins the names of a route, and of a match, with those of what it delegates to. */
function joined(outer = '', inner = ''): string {
  return [outer, inner].filter((name) => name !== '').join('-');
}

function ofRoute(route = '', { name, parts }: Named): Named {
  return { name: name === '' ? route : `${route}.${name}`, parts };
}

/** What stands for the VirtualServices that istiod makes of Gateway API's routes, several of them in one. */
const gatewayApi = '';

/** The VirtualService in a path of the API: a tilde is in the names of those alone that istiod makes itself. */
function originOf(config: string): string | undefined {
  const [, namespace, name = ''] = /\/namespaces\/([^/]+)\/virtual-service\/(.+)$/.exec(config) ?? [];
  return name.includes('~') ? gatewayApi : `${namespace}/${name}`;
}

function nameOf({ metadata: { namespace, name } }: KubeObject): string {
  return `${namespace}/${name}`;
}

function keyOf({ object, route, match }: RoutePart): string {
  return [object.kind, nameOf(object), route, match ?? ''].join(' ');
}
