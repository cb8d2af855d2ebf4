import type { ClusterView } from '../cluster/cluster-view.ts';
import { type Labels, type Pod, type PodSpec, type Service, servicesSelecting } from '../resources/objects.ts';
import { type PodPorts, portsOf } from '../resources/ports.ts';
import { servicePortSettings } from '../resources/routes.ts';
import { echoPortsOf } from './mock/echo-image.ts';
import { meshmockContainer } from './mock/mock-container.ts';
import { controllerOf } from './pod-owners.ts';
import { isGatewayProxy, isProxyless, type PodPrograms, programsOf } from './pod-programs.ts';

/** Role of a pod: a mock runs in place of its image, it is Istio's gateway, or it is istiod. */
export type PodRole = 'mock' | 'gateway' | 'istiod';

/** Pod object, with the facts that the node derives from it. */
export interface PodPlan {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** Name of the workload that the pod belongs to; the name of the pod if it has none. */
  readonly workload: string;
  readonly role: PodRole;
  /** True if a proxy runs in the pod. */
  readonly hasSidecar: boolean;
  /** True if gRPC in the pod would read Istio's configuration itself in a cluster. */
  readonly isProxyless: boolean;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly serviceAccount: string;
  readonly spec: PodSpec;
  readonly programs: PodPrograms;
  /** Service name with which the mock answers. */
  readonly service: string;
  readonly version: string;
  readonly ports: PodPorts;
}

const canonicalName = 'service.istio.io/canonical-name';
const canonicalRevision = 'service.istio.io/canonical-revision';

/** Returns the plan of a pod, with the ports that Services expect of it. */
export function planPod(pod: Pod, services: readonly Service[]): PodPlan {
  const { metadata, spec } = pod;
  const { name, namespace = 'default', uid = '', labels = {}, annotations = {} } = metadata;
  const programs = programsOf(spec);
  const workload = workloadOf(pod);
  const servicesOfPod = servicesSelecting(services, namespace, labels);
  // Declared ports of the proxy are not ports of the mock.
  const appSpec = { ...spec, containers: programs.mocked };
  return {
    name,
    namespace,
    uid,
    workload,
    role: roleOf(programs),
    hasSidecar: programs.proxy !== undefined,
    isProxyless: programs.mocked.some(isProxyless),
    labels,
    annotations,
    serviceAccount: spec.serviceAccountName ?? 'default',
    spec,
    programs,
    service: labels.app ?? labels['app.kubernetes.io/name'] ?? labels[canonicalName] ?? workload,
    version: labels.version ?? labels['app.kubernetes.io/version'] ?? mockVersion(labels[canonicalRevision]),
    ports: portsOf(appSpec, servicesOfPod, programs.mocked.flatMap(echoPortsOf)),
  };
}

/** The injector labels pods without a version `latest`; their mocks answer with v1. */
function mockVersion(revision: string | undefined): string {
  return revision === undefined || revision === 'latest' ? 'v1' : revision;
}

function roleOf({ proxy, istiod, mocked }: PodPrograms): PodRole {
  if (istiod !== undefined) return 'istiod';
  return proxy !== undefined && isGatewayProxy(proxy) && mocked.length === 0 ? 'gateway' : 'mock';
}

/** Returns the name of the workload of a pod. A Deployment's ReplicaSet has the Deployment's name and a hash. */
function workloadOf({ metadata }: Pod): string {
  const { name, labels = {} } = metadata;
  const owner = controllerOf(metadata);
  if (owner === undefined) return name;
  const hash = labels['pod-template-hash'];
  return owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)
    ? owner.name.slice(0, -hash.length - 1)
    : owner.name;
}

/** Returns the settings of a pod that decide how its mock is started. A mock with other settings starts again. */
export function mockKey({ ports, service, version, spec }: PodPlan): string {
  return JSON.stringify([
    ports.http,
    ports.grpc,
    ports.tcp,
    ports.tls,
    service,
    version,
    meshmockContainer(spec)?.name,
  ]);
}

/** Plans of pods. They are kept until a Service or the pod changes, because each event of the API asks for all of them. */
export class PodPlans {
  private readonly view: Pick<ClusterView, 'services'>;
  private services: readonly Service[] = [];
  private plans = new WeakMap<Pod, PodPlan>();
  /** Values of `--service-port` by namespace. */
  private readonly ports = new Map<string, readonly string[]>();

  constructor(view: Pick<ClusterView, 'services'>) {
    this.view = view;
  }

  /** Returns the plan of a pod. It is the same object as before if nothing has changed. */
  of(pod: Pod): PodPlan {
    const services = this.currentServices();
    const plan = this.plans.get(pod) ?? planPod(pod, services);
    this.plans.set(pod, plan);
    return plan;
  }

  /** Returns the values of `--service-port` of the mocks of a namespace. */
  servicePortsOf(namespace: string): readonly string[] {
    const services = this.currentServices();
    const ports = this.ports.get(namespace) ?? servicePortSettings(services, namespace);
    this.ports.set(namespace, ports);
    return ports;
  }

  /** Returns the Services, and forgets what depends on them if they have changed. */
  private currentServices(): readonly Service[] {
    const { services } = this.view;
    if (services === this.services) return services;
    this.services = services;
    this.plans = new WeakMap();
    this.ports.clear();
    return services;
  }
}
