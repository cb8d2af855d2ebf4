import type { LoggedRequest } from '../istio/access-log.ts';
import type { Manifest } from '../istio/manifest.ts';
import { type HttpRoute, matchName, routeName, type VirtualService } from '../istio/route-names.ts';
import { type Finding, titleOf } from './finding.ts';

/** What no request took of the routes of a VirtualService. */
export function routeFindings(
  service: VirtualService,
  whereIs: Manifest['whereIs'],
  requests: readonly LoggedRequest[],
): Finding[] {
  const object = titleOf({ object: service });
  const { http = [], tcp = [], tls = [] } = service.spec as VirtualService['spec'] & Record<'tcp' | 'tls', unknown[]>;
  const opaque = Object.entries({ tcp, tls }).flatMap(([kind, routes]) =>
    routes.map((_, index) => ({
      ...{ object, part: `${kind} route ${index + 1}`, where: whereIs(['spec', kind, String(index)]) },
      reason: 'a proxy does not say which route a connection took',
    })),
  );
  const findings = http.flatMap((route, index): Finding[] => {
    const at = ['spec', 'http', String(index)];
    const taken = requests.filter((request) => isOfRoute(request, service, route, index));
    if (taken.length > 0)
      return matchFindings(route, taken).map((one) => ({
        object,
        part: `route ${titleOfRoute(route, index)}, match ${one.index + 1}`,
        where: whereIs([...at, 'match', String(one.index)]),
        ...(one.reason === undefined ? {} : { reason: one.reason }),
      }));
    return [{ object, part: `route ${titleOfRoute(route, index)}${aimOf(route)}`, where: whereIs(at) }];
  });
  return [...findings, ...opaque];
}

/** Istio joins the names of a route that delegates and of that which it delegates to by a dash. */
function isOfRoute(
  { route: logged = '', config = '' }: LoggedRequest,
  { metadata, spec }: VirtualService,
  route: HttpRoute,
  index: number,
): boolean {
  if (!route.name) return logged.includes(routeName(metadata, index));
  const [name, isDelegate] = [route.name, ((spec.hosts as unknown[] | undefined) ?? []).length === 0];
  if (isDelegate) return logged.endsWith(`-${name}`) || logged.includes(`-${name}.`) || logged === name;
  if (!config.endsWith(`/namespaces/${metadata.namespace}/virtual-service/${metadata.name}`)) return false;
  return logged === name || logged.startsWith(`${name}.`) || (hasDelegate(route) && logged.startsWith(`${name}-`));
}

function hasDelegate({ delegate }: HttpRoute): boolean {
  return delegate !== undefined;
}

/** The matches of a route that no request met, while some met the route. */
function matchFindings(
  route: HttpRoute,
  taken: readonly LoggedRequest[],
): { readonly index: number; readonly reason?: string }[] {
  const { match = [] } = route;
  // Joined names of delegates do not say whose match it was.
  if (match.length < 2 || hasDelegate(route) || taken.some(({ route: name = '' }) => /\]-|-\//.test(name))) return [];
  return match.flatMap((one, index) => {
    if (route.name && !one.name)
      return [{ index, reason: `a route with a name of its own does not say it; give its matches names too` }];
    const name = one.name || matchName(index);
    return taken.some(({ route: logged = '' }) => logged.endsWith(`.${name}`)) ? [] : [{ index }];
  });
}

function titleOfRoute({ name }: HttpRoute, index: number): string {
  return name ? `${index + 1} (${name})` : String(index + 1);
}

function aimOf(route: HttpRoute): string {
  const {
    route: destinations,
    redirect,
    directResponse,
    delegate,
  } = route as HttpRoute & {
    route?: { destination?: { host?: string; subset?: string } }[];
    delegate?: { name?: string };
  };
  if (redirect) return ', a redirect';
  if (directResponse) return ', a direct response';
  if (delegate) return `, delegated to ${delegate.name}`;
  const names = (destinations ?? []).map(({ destination: { host, subset } = {} }) =>
    subset === undefined ? host : `${host} ${subset}`,
  );
  return names.length === 0 ? '' : `, to ${names.join(' and ')}`;
}

/** What no request took of the rules of a route of Gateway API: istiod names them by their place. */
export function gatewayRouteFindings(manifest: Manifest, requests: readonly LoggedRequest[]): Finding[] {
  const { metadata, spec } = manifest.object;
  const { rules = [] } = (spec ?? {}) as { rules?: { name?: string }[] };
  const taken = new Set(requests.map(({ route }) => route));
  return rules.flatMap(({ name }, index) => {
    if (taken.has(name ?? `${metadata.namespace}.${metadata.name}.${index}`)) return [];
    const part = `rule ${index + 1}${name === undefined ? '' : ` (${name})`}`;
    return [{ object: titleOf(manifest), part, where: manifest.whereIs(['spec', 'rules', String(index)]) }];
  });
}
