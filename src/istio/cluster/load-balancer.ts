import type { KubeClient } from '../kube-api/kube-client.ts';
import { loadBalancerAddress } from '../network/addresses.ts';
import type { Service } from '../resources/objects.ts';
import type { ClusterView } from './cluster-view.ts';

/**
 * Gives each Service of type LoadBalancer an address until the signal aborts, as the controller of a cloud does.
 * kube-proxy makes it work. Gateways of the Gateway API wait for it.
 */
export function balanceLoads(
  view: Pick<ClusterView, 'services' | 'onChange'>,
  client: Pick<KubeClient, 'patch'>,
  signal: AbortSignal,
): void {
  const assign = (): void => {
    for (const service of view.services.filter(isWithoutAddress)) {
      const status = { loadBalancer: { ingress: [{ ip: loadBalancerAddress(service.spec.clusterIP ?? '') }] } };
      client.patch(service, { status }, 'merge', { subresource: 'status' }, signal).catch(() => {
        // The Service was deleted meanwhile, or the mesh ends.
      });
    }
  };
  view.onChange(['Service'], assign);
  assign();
}

/** A class of its own means that another controller assigns the address. */
function isWithoutAddress({ spec, status }: Service): boolean {
  const isBalanced = spec.type === 'LoadBalancer' && spec.loadBalancerClass === undefined;
  return isBalanced && (status?.loadBalancer?.ingress ?? []).length === 0;
}
