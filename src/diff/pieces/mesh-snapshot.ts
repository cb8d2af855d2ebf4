import type { EnvoyConfig } from './envoy-config.ts';

/** Pod of a mesh, with the configuration of its proxy. */
export interface SnapshotPod {
  readonly name: string;
  readonly namespace: string;
  readonly workload: string;
  readonly role: 'mock' | 'gateway' | 'istiod';
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly address: string;
  /** Settings of its network: the rules of interception, and names and servers for DNS. */
  readonly network: string;
  /** Settings of its mock, and those with which its proxy starts. */
  readonly program: string;
  /** True if gRPC in the pod reads Istio's configuration itself, without a proxy. */
  readonly isProxyless?: boolean;
  /** Undefined for a pod without a proxy. */
  readonly config: EnvoyConfig | undefined;
}

/** Service of a mesh, with the fields that are read here. */
export interface SnapshotService {
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly string[];
  readonly selector: Readonly<Record<string, string>> | undefined;
  /** Addresses of its endpoints with their ports, if it selects no pods. */
  readonly endpoints: readonly string[];
  readonly ports: readonly SnapshotPort[];
  /** Host name to which the name of the Service leads, if it has no pods of its own. */
  readonly externalName?: string;
  /** Type and further settings that decide how a name leads to pods. */
  readonly settings: string;
}

export interface SnapshotPort {
  readonly port: number;
  readonly targetPort: string;
  readonly name: string | undefined;
  readonly protocol: 'http' | 'grpc' | 'tcp' | 'tls' | 'other';
}

/** Everything of a mesh that decides about a request, at one moment. */
export interface MeshSnapshot {
  readonly pods: readonly SnapshotPod[];
  readonly services: readonly SnapshotService[];
}

/** Returns the host name of a Service. */
export function hostOf({ name, namespace }: Pick<SnapshotService, 'name' | 'namespace'>): string {
  return `${name}.${namespace}.svc.cluster.local`;
}

/** Returns the pods that a Service selects, or to which its endpoints lead. */
export function podsOf(service: SnapshotService, pods: readonly SnapshotPod[]): SnapshotPod[] {
  const { selector, endpoints } = service;
  if (selector === undefined) {
    const addresses = new Set(endpoints.map((endpoint) => endpoint.replace(/:\d*$/, '')));
    return pods.filter(({ address }) => addresses.has(address));
  }
  return pods.filter(
    ({ namespace, labels }) =>
      namespace === service.namespace && Object.entries(selector).every(([name, value]) => labels[name] === value),
  );
}

/** Returns a mesh with its pods and Services by name, so that each run chooses the same callers. */
export function inOrder({ pods, services, ...rest }: MeshSnapshot): MeshSnapshot {
  const byText =
    <T>(textOf: (one: T) => string) =>
    (a: T, b: T): number =>
      textOf(a) < textOf(b) ? -1 : Number(textOf(a) > textOf(b));
  return {
    ...rest,
    pods: pods.toSorted(byText((pod) => `${workloadKey(pod)} ${pod.name}`)),
    services: services.toSorted(byText(({ name, namespace }) => `${namespace}/${name}`)),
  };
}

/** Returns a key that names a workload. */
export function workloadKey({ namespace, workload }: Pick<SnapshotPod, 'namespace' | 'workload'>): string {
  return `${namespace}/${workload}`;
}

/** Labels that differ between two starts of the same pod. */
const changingLabels = new Set(['pod-template-hash', 'controller-revision-hash', 'statefulset.kubernetes.io/pod-name']);

/** Returns a name of a pod that is the same for its next start: its workload, and the labels that people write. */
export function stablePodName(pod: SnapshotPod): string {
  const labels = Object.entries(pod.labels)
    .filter(([name]) => !changingLabels.has(name))
    .map(([name, value]) => `${name}=${value}`);
  return [`pod ${workloadKey(pod)}`, pod.serviceAccount, ...labels.toSorted()].join(' ');
}
