import type { LoggedRequest } from '../istio/access-log.ts';
import type { Manifest } from '../istio/manifest.ts';
import { type HttpRoute, isVirtualService, matchName, routeName, type VirtualService } from '../istio/route-names.ts';
import type { Met } from './traffic.ts';

/** A route, subset or rule that no request met, or of which nobody can tell. */
export interface Part {
  /** Such as `VirtualService reviews`. */
  readonly object: string;
  /** Such as `route 2, to v3`; the first is 1. */
  readonly part: string;
  /** `FILE:LINE:COLUMN`. */
  readonly where: string;
}

export interface Coverage {
  readonly untested: readonly Part[];
  readonly unknown: readonly (Part & { readonly reason: string })[];
}

/** What is known of one part; nothing if it was met. */
type Finding = Part & { readonly reason?: string };

/**
 * What no request met of the routes, subsets and policy rules in manifests.
 *
 * @param namespace of objects that say none
 */
export function coverageOf(manifests: readonly Manifest[], namespace: string, met: Met): Coverage {
  const findings = manifests
    .map(({ object, whereIs }) => ({
      object: { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } },
      whereIs,
    }))
    .flatMap((manifest) => findingsOf(manifest, met));
  const hidden = manifests.find(changesLogs);
  const known = (finding: Finding): Finding =>
    hidden === undefined || finding.reason !== undefined || finding.object.startsWith('DestinationRule')
      ? finding
      : { ...finding, reason: `Telemetry ${hidden.object.metadata.name} changes the access logs, which say it` };
  const all = findings.map(known);
  return {
    untested: all.filter(({ reason }) => reason === undefined),
    unknown: all.flatMap((one) => (one.reason === undefined ? [] : [{ ...one, reason: one.reason }])),
  };
}

function changesLogs({ object }: Manifest): boolean {
  return object.kind === 'Telemetry' && (object.spec as { accessLogging?: unknown } | undefined)?.accessLogging != null;
}

function findingsOf(manifest: Manifest, met: Met): Finding[] {
  const { object } = manifest;
  if (isVirtualService(object)) return routeFindings(object, manifest.whereIs, met.requests);
  if (object.apiVersion.startsWith('networking.istio.io/') && object.kind === 'DestinationRule')
    return subsetFindings(manifest, met.clusters);
  if (object.apiVersion.startsWith('security.istio.io/') && object.kind === 'AuthorizationPolicy')
    return ruleFindings(manifest, met.requests);
  return [];
}

function titleOf({ object: { kind, metadata } }: Pick<Manifest, 'object'>): string {
  return metadata.namespace === 'default'
    ? `${kind} ${metadata.name}`
    : `${kind} ${metadata.name} of ${metadata.namespace}`;
}

function routeFindings(
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

function subsetFindings(manifest: Manifest, clusters: ReadonlySet<string>): Finding[] {
  const { metadata, spec } = manifest.object;
  const { host = '', subsets = [] } = (spec ?? {}) as { host?: string; subsets?: { name: string }[] };
  const full = host.includes('.') || host.includes('*') ? host : `${host}.${metadata.namespace}.svc.cluster.local`;
  const isMeant = (name: string): boolean => (full.startsWith('*') ? name.endsWith(full.slice(1)) : name === full);
  const met = new Set(
    [...clusters].flatMap((cluster) => {
      const [, , subset = '', name = ''] = cluster.split('|');
      return isMeant(name) ? [subset] : [];
    }),
  );
  return subsets.flatMap(({ name }, index) =>
    met.has(name)
      ? []
      : [
          {
            object: titleOf(manifest),
            part: `subset ${name}`,
            where: manifest.whereIs(['spec', 'subsets', String(index)]),
          },
        ],
  );
}

function ruleFindings(manifest: Manifest, requests: readonly LoggedRequest[]): Finding[] {
  const { metadata, spec } = manifest.object;
  const { action = 'ALLOW', rules = [] } = (spec ?? {}) as { action?: string; rules?: unknown[] };
  const isDryRun = metadata.annotations?.['istio.io/dry-run'] === 'true';
  const decided = new Set(requests.map(({ rule }) => rule));
  return rules.flatMap((_, index): Finding[] => {
    if (decided.has(`ns[${metadata.namespace}]-policy[${metadata.name}]-rule[${index}]`)) return [];
    const finding = {
      object: titleOf(manifest),
      part: `rule ${index + 1}`,
      where: manifest.whereIs(['spec', 'rules', String(index)]),
    };
    if (isDryRun) return [{ ...finding, reason: 'it is a dry run, which decides nothing' }];
    return action === 'ALLOW' || action === 'DENY'
      ? [finding]
      : [{ ...finding, reason: `a proxy does not say which rule of action ${action} matched` }];
  });
}
