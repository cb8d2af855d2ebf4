import type { ChildProcess } from 'node:child_process';
import { MeshmockError } from '../error/meshmock-error.ts';
import { analyze } from './analyze.ts';
import type { Kind } from './api/kinds.ts';
import { type ClusterView, objectKey } from './cluster-view.ts';
import { updateEndpointSlices } from './endpoint-slices.ts';
import { type Entry, entriesOf, entryName, findByName } from './entries.ts';
import type { ImplicitObjects } from './implicit-objects.ts';
import type { Addresses } from './network.ts';
import { isWorkload, type KubeObject, kubectlName, type Pod, type Service, selects } from './objects.ts';
import type { BehaviourChange, MeshObjects, PodStats } from './pod-status.ts';
import { leftOut, type PodPlan, planPods } from './pods.ts';
import { defaultPortRoutes, podRoutes } from './routes.ts';
import { type PodContext, RunningPod } from './running-pod.ts';
import { proxyStats } from './sidecar.ts';

/** Limit that suits a laptop: each pod has several processes. */
const maxPods = 40;

/** Controller of the pods of a local mesh. It does the work of kubelet, workload controllers and the injector. */
export class PodController {
  private readonly context: PodContext;
  private readonly view: ClusterView;
  private readonly addresses: Addresses;
  private readonly implicitObjects: ImplicitObjects;
  /** Running pods by `podKey`. */
  private readonly running = new Map<string, RunningPod>();
  /** Called with the name of a program that ends unexpectedly. */
  onProgramExit: (name: string) => void = () => {};
  /** Called when the entries change, before the pods of new entries have started. */
  onEntries: (entries: readonly Entry[]) => void = () => {};

  constructor(context: PodContext, view: ClusterView, addresses: Addresses, implicitObjects: ImplicitObjects) {
    this.context = context;
    this.view = view;
    this.addresses = addresses;
    this.implicitObjects = implicitObjects;
  }

  /** Addresses of the pods that have a proxy. */
  get proxyAddresses(): string[] {
    return [...this.running.values()].filter(({ plan }) => plan.hasSidecar).map(({ address }) => address);
  }

  /** Entry points for calls from outside the mesh. */
  get entries(): Entry[] {
    return entriesOf(this.view.services, this.all);
  }

  get all(): readonly RunningPod[] {
    return [...this.running.values()];
  }

  /** The Services and pods of the mesh, as they are in the API. */
  get objects(): MeshObjects {
    return { services: this.view.services, pods: this.view.list<Pod>('v1', 'Pod') };
  }

  /** Reads the counters of each pod's proxy. */
  async stats(signal: AbortSignal): Promise<PodStats[]> {
    const proxied = this.all.filter(({ plan }) => plan.hasSidecar);
    return Promise.all(
      proxied.map(async ({ plan, address }) => ({ pod: podName(plan), stats: await proxyStats(address, signal) })),
    );
  }

  /**
   * Makes the mocks of a service apply directives to every request.
   *
   * @throws MeshmockError `usage` if no mock has the name, or if the directives are not valid
   */
  async setBehaviour(
    { service, namespace = 'default', directives }: BehaviourChange,
    signal: AbortSignal,
  ): Promise<void> {
    const mocks = this.all.filter(({ plan }) => plan.role === 'mock');
    const namedMocks = mocks.flatMap((pod) => this.serviceNamesOf(pod).map((name) => ({ name, pod })));
    const found = findByName(namedMocks, ({ name }) => name, service, namespace).map(({ pod }) => pod);
    const selected = found.length > 0 ? found : mocks.filter(({ plan }) => plan.service === service);
    if (selected.length === 0) {
      const names = [...new Set(namedMocks.map(({ name }) => name))];
      throw new MeshmockError('usage', `unknown service ${service}: expected one of ${names.join(', ')}`);
    }
    await Promise.all(selected.map((pod) => pod.setBehaviour(directives, signal)));
  }

  /** Returns the names of the Services that select a pod, and the service name with which its mock answers. */
  private serviceNamesOf({ plan: { service, namespace, labels } }: RunningPod): string[] {
    const services = this.view.services.filter(
      ({ metadata, spec }) => metadata.namespace === namespace && selects(spec.selector, labels),
    );
    const names = [service, ...services.map(({ metadata }) => metadata.name)];
    return [...new Set(names)].map((name) => entryName(name, namespace));
  }

  /** Reports the end of a program through `onProgramExit`. */
  watch(name: string, program: ChildProcess): void {
    program.once('exit', () => this.onProgramExit(name));
  }

  /**
   * Checks the number of pods that the mesh would have with these objects.
   *
   * @throws MeshmockError `usage` if it would be too high
   */
  checkCount(objects: readonly KubeObject[]): void {
    const newWorkloads = objects.filter(isWorkload);
    const all = new Map([...this.view.workloads, ...newWorkloads].map((workload) => [objectKey(workload), workload]));
    const count = [...all.values()].reduce((sum, { spec }) => sum + (spec.replicas ?? 1), 0);
    if (count > maxPods)
      throw new MeshmockError(
        'usage',
        `the mesh would have ${count} pods, but a local mesh runs at most ${maxPods}: set fewer replicas`,
      );
  }

  /** Finds mistakes in these objects, compared with the objects and pods of the mesh. See `analyze`. */
  analyze(objects: readonly KubeObject[]): string[] {
    const config = this.view.config(['ServiceEntry', 'DestinationRule', 'Gateway']);
    const pods = this.all.map(({ plan }) => plan);
    // If two objects have the same name, the later one is in effect.
    const last = new Map(objects.map((object) => [`${kubectlName(object)} ${object.metadata.namespace}`, object]));
    return analyze([...last.values()], { services: this.view.services, pods, config });
  }

  /**
   * Starts the pods that the workloads need and stops all others.
   *
   * @param beforeProxies prepares the start of the proxies, while the mocks start
   * @returns a line for each part of a new pod that is left out
   * @throws MeshmockError if a pod does not start
   */
  async reconcile(signal: AbortSignal, beforeProxies?: () => Promise<void>): Promise<{ readonly leftOut: string[] }> {
    this.implicitObjects.update();
    const { services, workloads } = this.view;
    const plans = planPods(workloads, services, (namespace) => this.view.namespaceLabels(namespace));
    const wanted = new Set(plans.map(podKey));
    const oldPods = [...this.running].filter(([key]) => !wanted.has(key)).map(([, pod]) => pod);
    const newPlans = plans.filter((plan) => !this.running.has(podKey(plan)));
    // A pod with a stable name, as in a StatefulSet, must stop before its successor starts.
    const names = new Set(newPlans.map(podName));
    const replaced = oldPods.filter(({ plan }) => names.has(podName(plan)));
    for (const pod of replaced) this.forget(pod);
    await Promise.all(replaced.map((pod) => pod.stop()));
    // The successor gets the same address, so that callers of the pod's name still reach it.
    const addresses = new Map(replaced.map(({ plan, address }) => [podName(plan), address]));
    const newPods = newPlans.map(
      (plan) => new RunningPod(plan, addresses.get(podName(plan)) ?? this.addresses.pod(), this.context),
    );
    await this.startPods(newPods, services, signal, beforeProxies);
    const removed = oldPods.filter((pod) => !replaced.includes(pod));
    for (const pod of removed) this.forget(pod);
    updateEndpointSlices(this.view);
    await Promise.all(removed.map((pod) => pod.stop()));
    for (const pod of this.running.values()) pod.setRoutes(this.routesOf(pod.plan, services));
    this.onEntries(this.entries);
    return { leftOut: workloads.flatMap((workload) => leftOut(workload, newPlans)) };
  }

  private async startPods(
    pods: readonly RunningPod[],
    services: readonly Service[],
    signal: AbortSignal,
    beforeProxies?: () => Promise<void>,
  ): Promise<void> {
    for (const pod of pods) this.running.set(podKey(pod.plan), pod);
    this.onEntries(this.entries);
    const failed = new AbortController();
    try {
      await this.bringUp(pods, services, AbortSignal.any([signal, failed.signal]), beforeProxies);
    } catch (error) {
      // If one pod fails, none of the new pods stays. The next change tries again.
      failed.abort();
      for (const pod of pods) this.forget(pod);
      await Promise.allSettled(pods.map((pod) => pod.stop()));
      throw error;
    }
    for (const pod of pods) pod.onProgramExit = (name) => this.removeFailed(pod, name);
  }

  private async bringUp(
    pods: readonly RunningPod[],
    services: readonly Service[],
    signal: AbortSignal,
    beforeProxies?: () => Promise<void>,
  ): Promise<void> {
    await Promise.all([
      beforeProxies?.(),
      ...pods.map((pod) => pod.startMock(this.routesOf(pod.plan, services), signal)),
    ]);
    const setState = (state: 'starting' | 'ready'): void => {
      for (const pod of pods) this.view.store.put(this.podKind, pod.toObject(state));
    };
    // At the start of the mesh, pods are ready at once: no client calls them yet. When a sidecar connects, istiod
    // checks once whether the endpoints of a headless Service speak mTLS, so they must exist by then.
    const isStartOfMesh = pods.length === this.running.size;
    setState(isStartOfMesh ? 'ready' : 'starting');
    if (isStartOfMesh) updateEndpointSlices(this.view);
    for (const pod of pods) pod.startProxy();
    await Promise.all(pods.map((pod) => pod.proxyReady(signal)));
    setState('ready');
  }

  /** Removes a pod after the unexpected end of one of its programs. The next change starts the pod again. */
  private removeFailed(pod: RunningPod, name: string): void {
    this.forget(pod);
    updateEndpointSlices(this.view);
    pod.stop().catch(() => {});
    this.onProgramExit(name);
  }

  private get podKind(): Kind {
    return this.view.kindOf({ apiVersion: 'v1', kind: 'Pod' });
  }

  private forget({ plan }: RunningPod): void {
    this.running.delete(podKey(plan));
    this.view.store.remove(this.podKind, plan.namespace, plan.name);
  }

  /** Returns the `--connect-to` entries of a pod's mock. A gateway has no mock. */
  private routesOf(plan: PodPlan, services: readonly Service[]): string[] {
    if (plan.role === 'gateway') return [];
    return plan.hasSidecar
      ? defaultPortRoutes(services, plan.namespace)
      : podRoutes(services, this.all, plan.namespace);
  }
}

/** Returns the name of a pod with its namespace. A StatefulSet's pods keep their names when their template changes. */
function podName({ namespace, name }: PodPlan): string {
  return `${namespace}/${name}`;
}

/** Returns a key for a pod that changes with its template. */
function podKey(plan: PodPlan): string {
  return `${podName(plan)} ${plan.hash}`;
}
