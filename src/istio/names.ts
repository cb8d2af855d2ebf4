import { istiodHost } from './control-plane.ts';
import { externalHostsAnnotation } from './fill.ts';
import { istiodAddress } from './network.ts';
import { type Service, selects } from './objects.ts';
import { dnsNamesOf, type Placed } from './routes.ts';

/**
 * The addresses behind a name, for those whom no sidecar's DNS answers: a Service's own, those of its pods when it has
 * none, those of what an ExternalName names, and of the mocks of hosts outside.
 *
 * @returns nothing when nobody has the name
 */
export function addressesOf(
  name: string,
  services: readonly Service[],
  pods: readonly Placed[],
): readonly string[] | undefined {
  if (name.startsWith(istiodHost)) return [istiodAddress];
  const service = services.find((one) => dnsNamesOf(one, '').includes(name));
  if (service === undefined) {
    const outside = pods.filter(({ plan }) => plan.annotations[externalHostsAnnotation]?.split(',').includes(name));
    return outside.length === 0 ? undefined : outside.map(({ address }) => address);
  }
  const { clusterIP = 'None', externalName, selector } = service.spec;
  if (externalName !== undefined) return addressesOf(externalName, services, pods);
  if (clusterIP !== 'None') return [clusterIP];
  const own = pods.filter(
    ({ plan }) => plan.namespace === service.metadata.namespace && selects(selector, plan.labels),
  );
  return own.map(({ address }) => address);
}
