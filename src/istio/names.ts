import { istiodHost } from './control-plane.ts';
import { externalHostsAnnotation } from './fill.ts';
import { istiodAddress } from './network.ts';
import { type Service, selects } from './objects.ts';
import { dnsNamesOf, type PlacedPod } from './routes.ts';

/**
 * Resolves a name for pods that no sidecar's DNS serves. The result is the cluster IP of a Service, or the addresses of
 * its pods if it is headless. An ExternalName is followed. Hosts outside the mesh resolve to their mocks.
 *
 * @returns undefined if nothing has the name
 */
export function addressesOf(
  name: string,
  services: readonly Service[],
  pods: readonly PlacedPod[],
): readonly string[] | undefined {
  if (name.startsWith(istiodHost)) return [istiodAddress];
  const service = services.find((one) => dnsNamesOf(one, '').includes(name));
  if (service === undefined) {
    const mocks = pods.filter(({ plan }) => plan.annotations[externalHostsAnnotation]?.split(',').includes(name));
    return mocks.length === 0 ? undefined : mocks.map(({ address }) => address);
  }
  const { clusterIP = 'None', externalName, selector } = service.spec;
  if (externalName !== undefined) return addressesOf(externalName, services, pods);
  if (clusterIP !== 'None') return [clusterIP];
  const selected = pods.filter(
    ({ plan }) => plan.namespace === service.metadata.namespace && selects(selector, plan.labels),
  );
  return selected.map(({ address }) => address);
}
