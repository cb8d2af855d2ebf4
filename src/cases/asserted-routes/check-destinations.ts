import { namespaceOf } from '../../istio/resources/objects.ts';
import { fullHost } from '../../istio/resources/routes.ts';
import type { VirtualService } from '../../istio/resources/virtual-service.ts';
import type { AssertedRoute, Delegate, RouteDestination } from '../asserted-route.ts';
import { clusterTitle, type EnvoyCluster } from '../envoy-clusters.ts';
import { destinationHosts, type RouteConfig } from '../route-config.ts';
import { droppedRoutesHint } from './dropped-routes.ts';
import {
  type AssertionResult,
  areAllAborted,
  describeOutcome,
  destinationsTaken,
  notSeenResult,
  type RouteEvidence,
  seenResult,
} from './route-evidence.ts';
import { matchesShare, shareResult } from './shares.ts';

const abortedByFault = 'a fault answers every request before it takes a route';

/** Checks that the requests went to the asserted destinations, each with its share. */
export function checkRoute(
  destinations: readonly RouteDestination[],
  { request }: AssertedRoute,
  config: RouteConfig,
  evidence: RouteEvidence,
): AssertionResult {
  const expected = `route to ${destinations.map(destinationTitle).join(', ')}`;
  const taken = destinationsTaken(evidence);
  if (taken.length === 0 && areAllAborted(evidence)) return notSeenResult(expected, abortedByFault);
  const namespaces = config.virtualServicesFor(request.authority).map(namespaceOf);
  const counts = destinations.map((destination) =>
    sumOf(taken.filter(({ cluster }) => isTo(cluster, destination, namespaces)).map(({ count }) => count)),
  );
  const all = sumOf(taken.map(({ count }) => count));
  const seen = describeOutcome(evidence);
  if (all === 0 || sumOf(counts) !== all) return seenResult(expected, seen + droppedRoutesHint(request, config), false);
  const matches = sharesOf(destinations).map((share, index) => matchesShare(counts[index] ?? 0, all, share));
  const holds = matches.includes(false) ? false : matches.includes(undefined) ? undefined : true;
  return shareResult(expected, seen, all, holds);
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function destinationTitle({ host, port, subset, weight }: RouteDestination): string {
  const name = `${host}${port === undefined ? '' : `:${port}`}${subset === undefined ? '' : ` subset ${subset}`}`;
  return weight === undefined ? name : `${name} with weight ${weight}`;
}

/**
 * Reports whether a cluster is an asserted destination. A destination without a port matches any port. A destination
 * without a subset matches only the cluster of all pods, as in a VirtualService.
 */
function isTo(
  cluster: EnvoyCluster,
  { host, port, subset = '' }: RouteDestination,
  namespaces: readonly string[],
): boolean {
  if (cluster.subset !== subset || (port !== undefined && port !== cluster.port)) return false;
  return cluster.host === host || namespaces.some((namespace) => cluster.host === fullHost(host, namespace));
}

/** Returns the shares of destinations by their weights; equal shares if none has a weight. */
export function sharesOf(destinations: readonly RouteDestination[]): number[] {
  const total = sumOf(destinations.map(({ weight = 0 }) => weight));
  return destinations.map(({ weight = 0 }) => (total === 0 ? 1 / destinations.length : weight / total));
}

/** Checks that the requests took a route of a delegate. Destinations that only this delegate has show it. */
export function checkDelegate(
  delegate: Delegate,
  { request }: AssertedRoute,
  config: RouteConfig,
  evidence: RouteEvidence,
): AssertionResult {
  const { name, namespace } = delegate;
  const expected = `delegate ${namespace === undefined ? name : `${namespace}/${name}`}`;
  const taken = destinationsTaken(evidence);
  if (taken.length === 0 && areAllAborted(evidence)) return notSeenResult(expected, abortedByFault);
  const roots = config.virtualServicesFor(request.authority);
  const all = roots.flatMap((root) => delegatesOf(root, config));
  const isAsserted = (one: VirtualService): boolean =>
    one.metadata.name === name && (namespace === undefined || namespaceOf(one) === namespace);
  const ownHosts = hostsOf(all.filter(isAsserted));
  if (ownHosts.size === 0 && all.some(isAsserted))
    return notSeenResult(expected, 'the delegate has no destination that would show it');
  const otherHosts = hostsOf([...roots, ...all.filter((one) => !isAsserted(one))]);
  const hosts = taken.map(({ cluster }) => cluster.host);
  if (hosts.some((host) => ownHosts.has(host) && otherHosts.has(host))) {
    const shared = [...new Set(hosts)].join(', ');
    return notSeenResult(expected, `several VirtualServices route to ${shared}: the destination does not show which`);
  }
  const seen =
    taken.length === 0 ? describeOutcome(evidence) : taken.map(({ cluster }) => clusterTitle(cluster)).join(', ');
  const holds = hosts.length > 0 && hosts.every((host) => ownHosts.has(host));
  return seenResult(expected, holds ? seen : seen + droppedRoutesHint(request, config), holds);
}

/** Returns the delegates of a VirtualService that exist. */
function delegatesOf(root: VirtualService, config: RouteConfig): VirtualService[] {
  return (root.spec.http ?? []).flatMap(({ delegate }) => {
    if (delegate === undefined) return [];
    const { name, namespace = namespaceOf(root) } = delegate;
    return config.findVirtualService({ name, namespace }) ?? [];
  });
}

function hostsOf(services: readonly VirtualService[]): Set<string> {
  return new Set(services.flatMap((service) => [...destinationHosts(service)]));
}
