import { isClusterName } from './missing-services.ts';
import type { KubeObject, Labels, Service } from './objects.ts';
import { dnsNamesOf } from './routes.ts';

/** A pod, as much as selectors see of it. */
export interface LabelledPod {
  readonly namespace: string;
  readonly labels: Labels;
}

/** What selectors and hosts are held against. */
export interface Selectable {
  readonly services: readonly Service[];
  readonly pods: readonly LabelledPod[];
  /** ServiceEntries, DestinationRules and Istio's Gateways. */
  readonly config: readonly KubeObject[];
}

/** Of hosts those that only something in the mesh can have, and nothing has; others may be called all the same. */
export function unknownHosts(hosts: readonly string[], namespace: string, there: Selectable): string[] {
  const { services, pods, config } = there;
  const namespaces = new Set([
    ...services.map(({ metadata }) => metadata.namespace ?? ''),
    ...pods.map((pod) => pod.namespace),
  ]);
  const external = config
    .filter(({ kind }) => kind === 'ServiceEntry')
    .flatMap(({ spec }) => (spec as { hosts: readonly string[] }).hosts);
  const known = new Set([...external, ...services.flatMap((service) => dnsNamesOf(service, namespace))]);
  return hosts.filter((host) => !host.includes('*') && isClusterName(host, namespaces) && !known.has(host));
}

/** In the words of a message: a name without a namespace is looked for in the object's own. */
export function noSuchHost(host: string, namespace: string): string {
  return `no Service or ServiceEntry has the name ${host}${host.includes('.') ? '' : ` in ${namespace}`}`;
}
