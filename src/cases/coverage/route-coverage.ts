import type { Manifest } from '../../istio/manifest.ts';
import type { GatewayApiRoute } from '../../istio/route-names.ts';
import type { HttpRoute, VirtualService } from '../../istio/virtual-service.ts';
import { type Finding, titleOf } from '../finding.ts';
import type { CoveredRoutes, IsCovered } from './covered-routes.ts';

/** What no request took of the routes of a VirtualService. */
export function routeFindings(service: VirtualService, whereIs: Manifest['whereIs'], met: CoveredRoutes): Finding[] {
  const object = titleOf({ object: service });
  const { http = [], tcp = [], tls = [] } = service.spec;
  const opaque = Object.entries({ tcp, tls }).flatMap(([kind, routes]) =>
    routes.map((_, index) => ({
      ...{ object, part: `${kind} route ${index + 1}`, where: whereIs(['spec', kind, String(index)]) },
      reason: 'a proxy does not say which route a connection took',
    })),
  );
  const findings = http.map((route, index) => ({
    title: `route ${index + 1}${titleOfName(route)}`,
    aim: aimOf(route),
    at: ['spec', 'http', String(index)],
    matches: { field: 'match', count: route.match?.length ?? 0, unnamed: 'give its matches names too' },
  }));
  return [...findings.flatMap((route, index) => findingsOf(service, whereIs, met, { ...route, index })), ...opaque];
}

/** What no request took of the rules of a route of Gateway API. */
export function apiRouteFindings(object: GatewayApiRoute, whereIs: Manifest['whereIs'], met: CoveredRoutes): Finding[] {
  return (object.spec.rules ?? []).flatMap((rule, index) =>
    findingsOf(object, whereIs, met, {
      ...{ index, title: `rule ${index + 1}${titleOfName(rule)}`, aim: '' },
      at: ['spec', 'rules', String(index)],
      matches: { field: 'matches', count: rule.matches?.length ?? 0, unnamed: 'leave the name away' },
    }),
  );
}

/** A route, as findings tell of it. */
interface ShownRoute {
  readonly index: number;
  readonly title: string;
  readonly aim: string;
  readonly at: readonly string[];
  /** @property unnamed what helps where they have no names */
  readonly matches: { readonly field: string; readonly count: number; readonly unnamed: string };
}

/** The route that no request took, or its matches that none met. */
function findingsOf(
  object: Manifest['object'],
  whereIs: Manifest['whereIs'],
  met: CoveredRoutes,
  { index: route, title, aim, at, matches: { field, count, unnamed } }: ShownRoute,
): Finding[] {
  const finding = (isMet: IsCovered, part: string, path: readonly string[], reason: string): Finding[] => {
    if (isMet === 'yes') return [];
    const found = { object: titleOf({ object }), part, where: whereIs(path) };
    return [isMet === 'no' ? found : { ...found, reason }];
  };
  const isMet = met.isMet({ object, route });
  if (isMet !== 'yes')
    return finding(isMet, `${title}${aim}`, at, 'another has its name in proxies too: give it one of its own');
  if (count < 2) return [];
  const reason = `a route with a name of its own does not say it; ${unnamed}`;
  return Array.from({ length: count }).flatMap((_, match) =>
    finding(met.isMet({ object, route, match }), `${title}, match ${match + 1}`, [...at, field, String(match)], reason),
  );
}

function titleOfName({ name }: { readonly name?: string }): string {
  return name ? ` (${name})` : '';
}

function aimOf({ route, redirect, directResponse, delegate }: HttpRoute): string {
  if (redirect) return ', a redirect';
  if (directResponse) return ', a direct response';
  if (delegate) return `, delegated to ${delegate.name}`;
  const names = (route ?? []).map(({ destination: { host, subset } }) =>
    subset === undefined ? host : `${host} ${subset}`,
  );
  return names.length === 0 ? '' : `, to ${names.join(' and ')}`;
}
