import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterView } from '../../cluster/cluster-view.ts';
import { apiVersionOf, type KindRef } from '../../kube-api/kinds.ts';
import type { KubeClient } from '../../kube-api/kube-client.ts';
import { readyAddresses } from '../../resources/endpoint-slices.ts';
import { groupOf, type KubeObject, kubectlName, namespaceOf } from '../../resources/objects.ts';
import type { IstiodApi } from './istiod-api.ts';
import { isCountedByIstiod, notCountedMs } from './wait-for-sync.ts';

const pollMs = 25;

/**
 * Waits until istiod has read everything that the API server has, also what another program has just written or deleted.
 *
 * @param view view that contains all Ingresses already
 * @returns the names of objects that istiod still has not read after 3 s, such as those of another revision
 */
export async function waitUntilRead(
  client: KubeClient,
  view: Pick<ClusterView, 'list' | 'ingresses'>,
  istiod: IstiodApi,
  signal: AbortSignal,
): Promise<string[]> {
  const kinds = watchedKinds(client);
  const endMs = performance.now() + notCountedMs;
  for (;;) {
    const lists = await Promise.all(kinds.map((kind) => client.list(kind, signal)));
    const counted = lists.flatMap(({ items }) => items);
    // istiod reads all Ingresses, or only those that it serves.
    const stored = [...counted, ...view.list(ingressKind)];
    const expected = [...counted, ...view.ingresses];
    const read = await istiod.objects(signal);
    const readVersions = new Set(read.map(versionOf));
    const storedVersions = new Set(stored.map(versionOf));
    const unread = expected.filter((object) => !readVersions.has(versionOf(object)));
    const isCurrent = unread.length === 0 && read.every((object) => storedVersions.has(versionOf(object)));
    if (isCurrent || performance.now() > endMs) return unread.map(kubectlName);
    await sleep(pollMs, undefined, { signal });
  }
}

/**
 * Waits until istiod has read the endpoints of all Services. It does not count these as changes. After 3 s the wait ends,
 * because istiod ignores the endpoints of some namespaces (`discoverySelectors`).
 *
 * @param view view that contains the endpoints already
 */
export async function waitUntilEndpointsRead(
  view: Pick<ClusterView, 'services' | 'slices'>,
  istiod: IstiodApi,
  signal: AbortSignal,
): Promise<void> {
  const endMs = performance.now() + notCountedMs;
  for (;;) {
    const read = await istiod.endpoints(signal);
    const wanted = endpointsOf(view);
    const isRead = [...wanted].every(([service, addresses]) => {
      const known = read.get(service) ?? new Set();
      return known.size === addresses.size && [...addresses].every((address) => known.has(address));
    });
    if (isRead || performance.now() > endMs) return;
    await sleep(pollMs, undefined, { signal });
  }
}

/** Returns the ready addresses of each Service with a selector, by NAMESPACE/NAME. */
function endpointsOf({ services, slices }: Pick<ClusterView, 'services' | 'slices'>): Map<string, Set<string>> {
  const withPorts = slices.filter(({ ports }) => (ports ?? []).length > 0);
  const selecting = services.filter(({ spec }) => spec.selector !== undefined && spec.type !== 'ExternalName');
  return new Map(selecting.map((one) => [`${namespaceOf(one)}/${one.metadata.name}`, readyAddresses(one, withPorts)]));
}

/** Returns the kinds of the API that istiod watches, each in one version. */
function watchedKinds(client: KubeClient): KindRef[] {
  const watched = client.kinds
    .map((kind) => ({ apiVersion: apiVersionOf(kind), kind: kind.kind }))
    .filter(isCountedByIstiod);
  return [...new Map(watched.map((kind) => [`${groupOf(kind)} ${kind.kind}`, kind])).values()];
}

const ingressKind = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' };

function versionOf(object: KubeObject): string {
  const { namespace = '', name, resourceVersion } = object.metadata;
  return [groupOf(object), object.kind, namespace, name, resourceVersion].join(' ');
}
