import { createHash } from 'node:crypto';
import { ownContainer, ownLeftOut } from './mock-container.ts';
import { kubectlName, type Labels, type PodSpec, type Service, selects, type Workload } from './objects.ts';
import { type PodPorts, portsOf } from './ports.ts';

/** What runs in a pod: a mock in the place of its image, or Istio's gateway, which is a proxy alone. */
export type PodRole = 'mock' | 'gateway';

/** A pod that is to run. Two that are equal need not be started anew. */
export interface PodPlan {
  readonly name: string;
  /** Of all but its name. */
  readonly hash: string;
  readonly namespace: string;
  readonly workload: string;
  readonly role: PodRole;
  /** A mock without one is outside the mesh. */
  readonly hasSidecar: boolean;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly serviceAccount: string;
  readonly spec: PodSpec;
  /** The names that a mock answers with. */
  readonly service: string;
  readonly version: string;
  readonly ports: PodPorts;
}

/** The pods that workloads ask for, with the ports that Services expect of them. */
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
    const own = services.filter(
      (candidate) => candidate.metadata.namespace === namespace && selects(candidate.spec.selector, labels),
    );
    const hasSidecar = role === 'gateway' || isInjected(namespaceLabels(namespace), labels, annotations);
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
      serviceAccount: spec.template.spec.serviceAccountName ?? 'default',
      spec: spec.template.spec,
      service,
      version: version ?? 'v1',
      ports: portsOf(spec.template.spec, own),
    };
    // As with Deployments, another template makes another name, and so another pod.
    const hash = shortHash(JSON.stringify(plan));
    return Array.from({ length: spec.replicas ?? 1 }, (_, index) => {
      if (!isStateful)
        return { ...plan, hash, name: `${metadata.name}-${hash}-${shortHash(`${hash} ${index}`).slice(0, 5)}` };
      const name = `${metadata.name}-${index}`;
      // By these it has a name in DNS of its own ("Stable Network ID").
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

/** A container that the injector would fill in (`auto`), or that is the proxy already, as istiod makes them. */
function isGateway({ containers }: PodSpec): boolean {
  return containers.every(({ name, image }) => name === 'istio-proxy' || image === 'auto');
}

/** As in a namespace that is labelled for injection, which manifests leave to kubectl: only a no counts. */
function isInjected(namespace: Labels, labels: Labels, annotations: Labels): boolean {
  const own = labels['sidecar.istio.io/inject'] ?? annotations['sidecar.istio.io/inject'];
  if (own !== undefined) return own !== 'false';
  return namespace['istio-injection'] !== 'disabled';
}

/** What of a workload is not done by those of the pods that are its own, in words for a person. */
export function leftOut(workload: Workload, pods: readonly PodPlan[]): string[] {
  const { containers, initContainers = [], volumes = [] } = workload.spec.template.spec;
  const [pod] = pods.filter(
    ({ namespace, workload: name }) => namespace === workload.metadata.namespace && name === workload.metadata.name,
  );
  if (pod === undefined) return [];
  const own = ownContainer(workload.spec.template.spec);
  const templates = (workload.spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata);
  // What nobody reads is no loss: a mock has no use for the files of the image in whose place it is.
  const missed = pod.role === 'mock' && own === undefined ? [] : [...volumes, ...templates];
  const notServed = pod.role === 'mock' ? pod.ports.notServed : [];
  const parts = [
    ...named('init container', initContainers),
    ...(containers.length > 1 && pod.role === 'mock' ? [`one mock for its ${containers.length} containers`] : []),
    ...(own === undefined ? [] : ownLeftOut(own)),
    ...named('volume', missed),
    ...notServed.map((port) => `${port}: a mock speaks HTTP/1.1 and gRPC`),
  ];
  return parts.map((part) => `${kubectlName(workload)}: ${part}`);
}

function named(what: string, items: readonly { readonly name: string }[]): string[] {
  return items.map(({ name }) => `${what} ${name}`);
}
