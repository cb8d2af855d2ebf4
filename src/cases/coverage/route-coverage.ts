import type { Manifest } from '../../istio/resources/manifest.ts';
import type { KubeObject } from '../../istio/resources/objects.ts';
import type { GatewayApiRoute } from '../../istio/resources/route-names.ts';
import type { HttpRoute, VirtualService } from '../../istio/resources/virtual-service.ts';
import type { CoveredRoutes, RouteCoverage } from './covered-routes.ts';
import { type CoverageFinding, findingOf, objectTitle } from './finding.ts';

/** Returns findings for the routes of a VirtualService, and for their matches, that no request took. */
export function routeFindings(
  service: VirtualService,
  whereIs: Manifest['whereIs'],
  covered: CoveredRoutes,
): CoverageFinding[] {
  const { http = [], tcp = [], tls = [] } = service.spec;
  const httpFindings = http.flatMap((route, index) =>
    findingsOf(service, whereIs, covered, {
      index,
      title: `route ${index + 1}${nameTitle(route)}`,
      destination: destinationTitle(route),
      path: ['spec', 'http', String(index)],
      matches: { field: 'match', count: route.match?.length ?? 0, remedy: 'name its matches too' },
    }),
  );
  const connectionFindings = Object.entries({ tcp, tls }).flatMap(([kind, routes]) =>
    routes.map((_, index) => {
      const where = whereIs(['spec', kind, String(index)]);
      const part = { object: objectTitle(service), part: `${kind} route ${index + 1}`, where };
      return findingOf(part, 'proxies do not log which route a connection took');
    }),
  );
  return [...httpFindings, ...connectionFindings];
}

/** Returns findings for the rules of a Gateway API route, and for their matches, that no request took. */
export function gatewayApiRouteFindings(
  object: GatewayApiRoute,
  whereIs: Manifest['whereIs'],
  covered: CoveredRoutes,
): CoverageFinding[] {
  return (object.spec.rules ?? []).flatMap((rule, index) =>
    findingsOf(object, whereIs, covered, {
      index,
      title: `rule ${index + 1}${nameTitle(rule)}`,
      destination: '',
      path: ['spec', 'rules', String(index)],
      matches: { field: 'matches', count: rule.matches?.length ?? 0, remedy: 'remove its name' },
    }),
  );
}

/** A route, with its texts for findings. */
interface TitledRoute {
  readonly index: number;
  readonly title: string;
  readonly destination: string;
  /** Path of the route in its object. */
  readonly path: readonly string[];
  readonly matches: {
    readonly field: string;
    readonly count: number;
    /** Change that makes proxies log which match a request took. */
    readonly remedy: string;
  };
}

/** Returns a finding for a route without requests, or else for each of its matches without requests. */
function findingsOf(
  object: KubeObject,
  whereIs: Manifest['whereIs'],
  covered: CoveredRoutes,
  { index: route, title, destination, path, matches: { field, count, remedy } }: TitledRoute,
): CoverageFinding[] {
  const finding = (
    coverage: RouteCoverage,
    part: string,
    partPath: readonly string[],
    reason: string,
  ): CoverageFinding[] => {
    if (coverage === 'covered') return [];
    const where = whereIs(partPath);
    return [findingOf({ object: objectTitle(object), part, where }, coverage === 'ambiguous' ? reason : undefined)];
  };
  const coverage = covered.coverageOf({ object, route });
  if (coverage !== 'covered') {
    const reason = 'another route has the same name in access logs: give it a unique name';
    return finding(coverage, `${title}${destination}`, path, reason);
  }
  if (count < 2) return [];
  const reason = `proxies log only the name of this route: ${remedy}`;
  return Array.from({ length: count }).flatMap((_, match) => {
    const matchCoverage = covered.coverageOf({ object, route, match });
    return finding(matchCoverage, `${title}, match ${match + 1}`, [...path, field, String(match)], reason);
  });
}

function nameTitle({ name }: { readonly name?: string }): string {
  return name ? ` (${name})` : '';
}

function destinationTitle({ route, redirect, directResponse, delegate }: HttpRoute): string {
  if (redirect) return ', a redirect';
  if (directResponse) return ', a direct response';
  if (delegate) return `, delegated to ${delegate.name}`;
  const names = (route ?? []).map(({ destination: { host, subset } }) =>
    subset === undefined ? host : `${host} ${subset}`,
  );
  return names.length === 0 ? '' : `, to ${names.join(' and ')}`;
}
