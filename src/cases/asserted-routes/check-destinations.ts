import { namespaceOf } from '../../istio/objects.ts';
import { fullHost } from '../../istio/routes.ts';
import type { AssertedRoute, Delegate, RouteDestination } from '../asserted-route.ts';
import { type Cluster, clusterTitle } from '../clusters.ts';
import { destinationsOf, type RouteConfig } from '../route-config.ts';
import { type Checked, isAborted, type RouteEvidence, takenBy, whatCame } from './route-evidence.ts';
import { isShare, tooSmall } from './shares.ts';

const byFault = 'a fault answers every request before its route is taken';

/** Whether requests went to the destinations, each with its share. */
export function checkRoute(
  destinations: readonly RouteDestination[],
  { request }: AssertedRoute,
  config: RouteConfig,
  evidence: RouteEvidence,
): Checked {
  const expected = `route to ${destinations.map(destinationTitle).join(', ')}`;
  const taken = takenBy(evidence);
  if (taken.length === 0 && isAborted(evidence)) return { expected, seen: byFault, holds: undefined };
  const namespaces = config.of(request.authority).map(namespaceOf);
  const counts = destinations.map((destination) =>
    taken.filter(({ cluster }) => isTo(cluster, destination, namespaces)).reduce((sum, { count }) => sum + count, 0),
  );
  const all = taken.reduce((sum, { count }) => sum + count, 0);
  const seen = whatCame(evidence);
  if (all === 0 || counts.reduce((sum, count) => sum + count, 0) !== all) return { expected, seen, holds: false };
  const asShared = sharesOf(destinations).map((share, index) => isShare(counts[index] ?? 0, all, share));
  if (asShared.includes(false)) return { expected, seen, holds: false };
  return asShared.includes(undefined) ? { expected, ...tooSmall(all) } : { expected, seen, holds: true };
}

function destinationTitle({ host, port, subset, weight }: RouteDestination): string {
  const name = `${host}${port === undefined ? '' : `:${port}`}${subset === undefined ? '' : ` subset ${subset}`}`;
  return weight === undefined ? name : `${name} with weight ${weight}`;
}

/** A port that is not given is any; a subset that is not given is none, as in a VirtualService. */
function isTo(cluster: Cluster, { host, port, subset = '' }: RouteDestination, namespaces: readonly string[]): boolean {
  if (cluster.subset !== subset || (port !== undefined && port !== cluster.port)) return false;
  return cluster.host === host || namespaces.some((namespace) => cluster.host === fullHost(host, namespace));
}

/** By their weights; all the same if there are none. */
export function sharesOf(destinations: readonly RouteDestination[]): number[] {
  const total = destinations.reduce((sum, { weight = 0 }) => sum + weight, 0);
  return destinations.map(({ weight = 0 }) => (total === 0 ? 1 / destinations.length : weight / total));
}

/** Whether the route of a delegate was taken, which its destinations tell where nobody else has them. */
export function checkDelegate(
  { name, namespace }: Delegate,
  { request }: AssertedRoute,
  config: RouteConfig,
  evidence: RouteEvidence,
): Checked {
  const expected = `delegate ${namespace === undefined ? name : `${namespace}/${name}`}`;
  const unseen = (seen: string): Checked => ({ expected, seen, holds: undefined });
  const taken = takenBy(evidence);
  if (taken.length === 0 && isAborted(evidence)) return unseen(byFault);
  const roots = config.of(request.authority);
  const ofRoots = roots.flatMap((root) =>
    (root.spec.http ?? []).flatMap(({ delegate }) =>
      delegate === undefined
        ? []
        : (config.virtualService(delegate.name, delegate.namespace ?? namespaceOf(root)) ?? []),
    ),
  );
  const isMeant = (one: (typeof ofRoots)[number]): boolean =>
    one.metadata.name === name && (namespace === undefined || namespaceOf(one) === namespace);
  const own = new Set(ofRoots.filter(isMeant).flatMap((one) => [...destinationsOf(one)]));
  if (own.size === 0 && ofRoots.some(isMeant)) return unseen('it has no destination by which it could be told');
  const others = new Set(
    [...roots, ...ofRoots.filter((one) => !isMeant(one))].flatMap((one) => [...destinationsOf(one)]),
  );
  const hosts = taken.map(({ cluster }) => cluster.host);
  if (hosts.some((host) => own.has(host) && others.has(host)))
    return unseen(`${[...new Set(hosts)].join(', ')} has other routes as well: who sent it there cannot be told`);
  return {
    expected,
    seen: taken.length === 0 ? whatCame(evidence) : taken.map(({ cluster }) => clusterTitle(cluster)).join(', '),
    holds: hosts.length > 0 && hosts.every((host) => own.has(host)),
  };
}
