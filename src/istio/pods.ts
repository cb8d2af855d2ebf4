import { createHash } from 'node:crypto';
import { containerLeftOut, meshmockContainer } from './mock-container.ts';
import { kubectlName, type Labels, type PodSpec, type Service, selects, type Workload } from './objects.ts';
import { type PodPorts, portsOf } from './ports.ts';

/** Role of a pod: a mock runs in place of its image, or it is Istio's gateway, which is only a proxy. */
export type PodRole = 'mock' | 'gateway';

/** Plan of a pod. A running pod with an equal plan stays as it is. */
export interface PodPlan {
  readonly name: string;
  /** Hash of all fields but the name. */
  readonly hash: string;
  readonly namespace: string;
  /** Name of the workload that the pod belongs to. */
  readonly workload: string;
  readonly role: PodRole;
  /** False for a mock outside the mesh. */
  readonly hasSidecar: boolean;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly serviceAccount: string;
  readonly spec: PodSpec;
  /** Service name with which the mock answers. */
  readonly service: string;
  readonly version: string;
  readonly ports: PodPorts;
}

/** Plans the pods of workloads, with the ports that Services expect of them. */
export function planPods(
  workloads: readonly Workload[],
  services: readonly Service[],
  namespaceLabels: (namespace: string) => Labels,
): PodPlan[] {
  return workloads.flatMap((workload) => {
    const { metadata, spec } = workload;
    const namespace = metadata.namespace ?? 'default';
    const { labels = {}, annotations = {} } = spec.template.metadata ?? {};
    const role = isGateway(spec.template.spec) ? 'gateway' : 'mock';
    const service = labels.app ?? labels['app.kubernetes.io/name'] ?? labels[canonicalName] ?? metadata.name;
    const version = labels.version ?? labels['app.kubernetes.io/version'] ?? labels[canonicalRevision];
    const servicesOfPod = services.filter(
      (candidate) => candidate.metadata.namespace === namespace && selects(candidate.spec.selector, labels),
    );
    const isOnHost = spec.template.spec.hostNetwork === true;
    const hasSidecar = role === 'gateway' || (!isOnHost && isInjected(namespaceLabels(namespace), labels, annotations));
    const isStateful = workload.kind === 'StatefulSet';
    const plan: Omit<PodPlan, 'name' | 'hash'> = {
      namespace,
      workload: metadata.name,
      role,
      hasSidecar,
      labels: {
        ...labels,
        [canonicalName]: labels[canonicalName] ?? service,
        [canonicalRevision]: labels[canonicalRevision] ?? version ?? 'latest',
        ...(hasSidecar ? { 'security.istio.io/tlsMode': 'istio' } : {}),
      },
      annotations,
      // The API server copies the older field (Kubernetes, `PodSpec.serviceAccount`).
      serviceAccount: spec.template.spec.serviceAccountName ?? spec.template.spec.serviceAccount ?? 'default',
      spec: spec.template.spec,
      service,
      version: version ?? 'v1',
      ports: portsOf(spec.template.spec, servicesOfPod),
    };
    // As with Deployments, a changed template results in a new name, and so in a new pod.
    const hash = shortHash(JSON.stringify(plan));
    return Array.from({ length: spec.replicas ?? 1 }, (_, index) => {
      if (!isStateful)
        return { ...plan, hash, name: `${metadata.name}-${hash}-${shortHash(`${hash} ${index}`).slice(0, 5)}` };
      const name = `${metadata.name}-${index}`;
      // These give the pod its own DNS name (Kubernetes, "Stable Network ID").
      const identity = { hostname: name, subdomain: spec.serviceName };
      return { ...plan, hash, name, spec: { ...plan.spec, ...identity } };
    });
  });
}

const canonicalName = 'service.istio.io/canonical-name';
const canonicalRevision = 'service.istio.io/canonical-revision';

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 9);
}

/**
 * Reports whether a pod is a gateway. Its containers have the image `auto`, which the injector replaces, or are the
 * proxy already, as in Deployments that istiod creates.
 */
function isGateway({ containers }: PodSpec): boolean {
  return containers.every(({ name, image }) => name === 'istio-proxy' || image === 'auto');
}

/**
 * Reports whether a pod gets a sidecar. Manifests often leave the label of the namespace to kubectl, so injection is on
 * unless something disables it.
 */
function isInjected(namespace: Labels, labels: Labels, annotations: Labels): boolean {
  const setting = labels['sidecar.istio.io/inject'] ?? annotations['sidecar.istio.io/inject'];
  if (setting !== undefined) return setting !== 'false';
  return namespace['istio-injection'] !== 'disabled';
}

/** Returns a line for each part of a workload that the local mesh leaves out. A workload without pods has none. */
export function leftOut(workload: Workload, pods: readonly PodPlan[]): string[] {
  const { containers, initContainers = [], volumes = [] } = workload.spec.template.spec;
  const [pod] = pods.filter(
    ({ namespace, workload: name }) => namespace === workload.metadata.namespace && name === workload.metadata.name,
  );
  if (pod === undefined) return [];
  const container = meshmockContainer(workload.spec.template.spec);
  const templates = (workload.spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata);
  // Volumes of other images are not reported, because a mock does not read their files.
  const missingVolumes = pod.role === 'mock' && container === undefined ? [] : [...volumes, ...templates];
  const notServed = pod.role === 'mock' ? pod.ports.notServed : [];
  const parts = [
    ...withNames('init container', initContainers),
    ...(containers.length > 1 && pod.role === 'mock'
      ? [`one mock runs in place of its ${containers.length} containers`]
      : []),
    ...(container === undefined ? [] : containerLeftOut(container)),
    ...withNames('volume', missingVolumes),
    ...notServed.map((port) => `${port}: mocks speak only HTTP/1.1 and gRPC`),
  ];
  return parts.map((part) => `${kubectlName(workload)}: ${part}`);
}

function withNames(kind: string, items: readonly { readonly name: string }[]): string[] {
  return items.map(({ name }) => `${kind} ${name}`);
}
