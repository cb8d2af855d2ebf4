import type { IngressContext } from '../resources/ingresses.ts';
import type { KubeObject, Labels, Service } from '../resources/objects.ts';
import { dnsNamesOf, isClusterName } from '../resources/routes.ts';

/** Pod, with the fields that selectors need and the facts about its injection. */
export interface LabelledPod {
  readonly namespace: string;
  readonly labels: Labels;
  /** True if a proxy runs in the pod; undefined if that is not known. */
  readonly hasSidecar?: boolean;
  /** Name of the workload that the pod belongs to, or of the pod itself. */
  readonly workload?: string;
  /** True if gRPC in the pod would read Istio's configuration itself in a cluster. */
  readonly isProxyless?: boolean;
}

/** Extension provider of a mesh configuration. */
export interface MeshProvider {
  readonly name: string;
  /** Name of its type, such as `envoyExtAuthzHttp`; undefined for the providers that Istio has by default. */
  readonly type?: string;
  /** Host of its service; undefined if it has none. */
  readonly service: string | undefined;
}

/** Objects of a mesh with which selectors and hosts are compared. */
export interface AnalysisContext {
  readonly services: readonly Service[];
  readonly pods: readonly LabelledPod[];
  /** ServiceEntries, DestinationRules and Istio's Gateways. */
  readonly config: readonly KubeObject[];
  /** Namespace whose policies apply to the pods of every namespace. */
  readonly rootNamespace: string;
  /** Extension providers of the mesh configuration; undefined if that is not known. */
  readonly providers?: readonly MeshProvider[];
  /** Facts that decide which Ingresses istiod serves; undefined if they are not known. */
  readonly ingress?: IngressContext;
}

/**
 * Returns the hosts that must be Services of the mesh, but do not exist. Names outside the cluster are not included.
 */
export function unknownHosts(hosts: readonly string[], namespace: string, context: AnalysisContext): string[] {
  const { services, pods, config } = context;
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

/** Returns the text of a message about an unknown host. A name without a namespace means the object's own namespace. */
export function unknownHostText(host: string, namespace: string): string {
  return `no Service or ServiceEntry is named ${host}${host.includes('.') ? '' : ` in ${namespace}`}`;
}
