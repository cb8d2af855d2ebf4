import { startDns } from '../dns.ts';
import type { ClusterView } from '../cluster-view.ts';
import { externalHostsAnnotation } from '../fill.ts';
import { istiodAddress } from '../network.ts';
import { dnsNamesOf } from '../routes.ts';
import { serviceNameLabel } from './endpoint-slice.ts';

export class ClusterNetwork {
  static async start(view: ClusterView): Promise<void> {
    await startDns((name) => lookup(view, name));
  }
}
function lookup(view: ClusterView, name: string): readonly string[] | undefined {
  if (name.startsWith('istiod.istio-system.svc')) return [istiodAddress];
  const service = view.services.find((one) => dnsNamesOf(one, '').includes(name));
  if (service === undefined) {
    const mocks = view.pods.filter(({ metadata }) => metadata.annotations?.[externalHostsAnnotation]?.split(',').includes(name));
    return mocks.length === 0 ? undefined : mocks.flatMap(({ status }) => status?.podIP ?? []);
  }
  const { clusterIP = 'None', externalName } = service.spec;
  if (externalName !== undefined) return lookup(view, externalName);
  if (clusterIP !== 'None') return [clusterIP];
  return view.slices.filter(({ metadata }) => metadata.namespace === service.metadata.namespace && metadata.labels?.[serviceNameLabel] === service.metadata.name).flatMap(({ endpoints }) => endpoints ?? []).flatMap(({ addresses }) => addresses);
}
