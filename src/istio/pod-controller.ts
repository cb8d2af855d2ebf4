import type { ChildProcess } from 'node:child_process';
import { MeshmockError } from '../error/meshmock-error.ts';
import { analyze } from './analyze.ts';
import type { Kind } from './api/kinds.ts';
import { type ClusterView, keyOf } from './cluster-view.ts';
import { updateEndpointSlices } from './endpoint-slices.ts';
import { type Entry, entriesOf, entryName, findByName } from './entries.ts';
import type { ImplicitObjects } from './implicit-objects.ts';
import type { Behaviour, MeshObjects, PodStats } from './messages.ts';
import type { Addresses } from './network.ts';
import { isWorkload, type KubeObject, kubectlName, type Pod, type Service, selects } from './objects.ts';
import { leftOut, type PodPlan, planPods } from './pods.ts';
import { defaultPortRoutes, podRoutes } from './routes.ts';
import { type PodContext, RunningPod } from './running-pod.ts';
import { proxyStats } from './sidecar.ts';

/** Pods are several processes each: more would bring a laptop to its knees. */
const mostPods = 40;

/** Keeps the pods that the objects in the store ask for: kubelet, controllers and injector in one. */
export class PodController {
  private readonly surroundings: PodContext;
  private readonly view: ClusterView;
  private readonly addresses: Addresses;
  private readonly made: ImplicitObjects;
  private readonly running = new Map<string, RunningPod>();
  /** Called when a program ends that should not. */
  onProgramExit: (name: string) => void = () => {};
  /** Called when other entries are there, before what is behind them has started. */
  onEntries: (entries: readonly Entry[]) => void = () => {};

  constructor(surroundings: PodContext, view: ClusterView, addresses: Addresses, made: ImplicitObjects) {
    this.surroundings = surroundings;
    this.view = view;
    this.addresses = addresses;
    this.made = made;
  }

  /** The addresses of the pods that have a proxy. */
  get proxyAddresses(): string[] {
    return [...this.running.values()].filter(({ plan }) => plan.hasSidecar).map(({ address }) => address);
  }

  /** Where calls from outside may enter. */
  get entries(): Entry[] {
    return entriesOf(this.view.services, this.all);
  }

  get all(): readonly RunningPod[] {
    return [...this.running.values()];
  }

  /** The Services of the mesh and the pods that run, as the API has them. */
  get objects(): MeshObjects {
    return { services: this.view.services, pods: this.view.list<Pod>('v1', 'Pod') };
  }

  /** What the proxy of each pod has counted. */
  async stats(signal: AbortSignal): Promise<PodStats[]> {
    const proxied = this.all.filter(({ plan }) => plan.hasSidecar);
    return Promise.all(
      proxied.map(async ({ plan, address }) => ({ pod: nameOfPod(plan), stats: await proxyStats(address, signal) })),
    );
  }

  /**
   * Makes the mocks of a service do something with every request.
   *
   * @throws MeshmockError `usage`
   */
  async behave({ service, namespace = 'default', directives }: Behaviour, signal: AbortSignal): Promise<void> {
    const mocks = this.all.filter(({ plan }) => plan.role === 'mock');
    const all = mocks.flatMap((pod) => this.namesOf(pod).map((name) => ({ name, pod })));
    const found = findByName(all, ({ name }) => name, service, namespace).map(({ pod }) => pod);
    const meant = found.length > 0 ? found : mocks.filter(({ plan }) => plan.service === service);
    if (meant.length === 0) {
      const names = [...new Set(all.map(({ name }) => name))];
      throw new MeshmockError('usage', `there is no service ${service}: there are ${names.join(', ')}`);
    }
    await Promise.all(meant.map((pod) => pod.behave(directives, signal)));
  }

  /** Of the Services that a pod is behind, and what it calls itself. */
  private namesOf({ plan: { service, namespace, labels } }: RunningPod): string[] {
    const behind = this.view.services.filter(
      ({ metadata, spec }) => metadata.namespace === namespace && selects(spec.selector, labels),
    );
    const names = [service, ...behind.map(({ metadata }) => metadata.name)];
    return [...new Set(names)].map((name) => entryName(name, namespace));
  }

  /** Says it when a program ends by itself. */
  watch(name: string, program: ChildProcess): void {
    program.once('exit', () => this.onProgramExit(name));
  }

  /**
   * Refuses objects with which there would be too many pods, before they are taken in.
   *
   * @throws MeshmockError `usage`
   */
  checkCount(objects: readonly KubeObject[]): void {
    const coming = objects.filter(isWorkload);
    const all = new Map([...this.view.workloads, ...coming].map((workload) => [keyOf(workload), workload]));
    const count = [...all.values()].reduce((sum, { spec }) => sum + (spec.replicas ?? 1), 0);
    if (count > mostPods)
      throw new MeshmockError(
        'usage',
        `these would be ${count} pods: at most ${mostPods} run here; say fewer replicas`,
      );
  }

  /** What of these objects is about nothing that there is now. */
  looseEnds(objects: readonly KubeObject[]): string[] {
    const config = this.view.config(['ServiceEntry', 'DestinationRule', 'Gateway']);
    const pods = this.all.map(({ plan }) => plan);
    // Of two of one name, the later one is there.
    const last = new Map(objects.map((object) => [`${kubectlName(object)} ${object.metadata.namespace}`, object]));
    return analyze([...last.values()], { services: this.view.services, pods, config });
  }

  /**
   * Starts the pods that are asked for and not there, ends those that are not asked for any more.
   *
   * @param beforeProxies what their proxies need; mocks start meanwhile
   * @throws MeshmockError `usage`
   */
  async reconcile(signal: AbortSignal, beforeProxies?: () => Promise<void>): Promise<{ readonly leftOut: string[] }> {
    this.made.update();
    const { services, workloads } = this.view;
    const plans = planPods(workloads, services, (namespace) => this.view.namespaceLabels(namespace));
    const wanted = new Set(plans.map(keyOfPod));
    const old = [...this.running].filter(([key]) => !wanted.has(key)).map(([, pod]) => pod);
    const fresh = plans.filter((plan) => !this.running.has(keyOfPod(plan)));
    // A name that stays, as in a StatefulSet, cannot have two pods.
    const names = new Set(fresh.map(nameOfPod));
    const inTheWay = old.filter(({ plan }) => names.has(nameOfPod(plan)));
    for (const pod of inTheWay) this.forget(pod);
    await Promise.all(inTheWay.map((pod) => pod.stop()));
    // Its address stays as well: who calls a pod by its own name keeps the connection.
    const kept = new Map(inTheWay.map(({ plan, address }) => [nameOfPod(plan), address]));
    const pods = fresh.map(
      (plan) => new RunningPod(plan, kept.get(nameOfPod(plan)) ?? this.addresses.pod(), this.surroundings),
    );
    await this.startPods(pods, services, signal, beforeProxies);
    const rest = old.filter((pod) => !inTheWay.includes(pod));
    for (const pod of rest) this.forget(pod);
    updateEndpointSlices(this.view);
    await Promise.all(rest.map((pod) => pod.stop()));
    for (const pod of this.running.values()) pod.setRoutes(this.routesOf(pod.plan, services));
    this.onEntries(this.entries);
    return { leftOut: workloads.flatMap((workload) => leftOut(workload, fresh)) };
  }

  private async startPods(
    pods: readonly RunningPod[],
    services: readonly Service[],
    signal: AbortSignal,
    beforeProxies?: () => Promise<void>,
  ): Promise<void> {
    for (const pod of pods) this.running.set(keyOfPod(pod.plan), pod);
    this.onEntries(this.entries);
    const failed = new AbortController();
    try {
      await this.bringUp(pods, services, AbortSignal.any([signal, failed.signal]), beforeProxies);
    } catch (error) {
      // Nobody is to wait for what will not come; the next change tries again.
      failed.abort();
      for (const pod of pods) this.forget(pod);
      await Promise.allSettled(pods.map((pod) => pod.stop()));
      throw error;
    }
    for (const pod of pods) pod.onProgramExit = (name) => this.lose(pod, name);
  }

  private async bringUp(
    pods: readonly RunningPod[],
    services: readonly Service[],
    signal: AbortSignal,
    beforeProxies?: () => Promise<void>,
  ): Promise<void> {
    await Promise.all([
      beforeProxies?.(),
      ...pods.map((pod) => pod.startApp(this.routesOf(pod.plan, services), signal)),
    ]);
    const tell = (state: 'starting' | 'ready'): void => {
      for (const pod of pods) this.view.store.put(this.podKind, pod.objectThatIs(state));
    };
    // At the start nobody calls yet, and istiod makes the clusters of headless Services as their endpoints are when a
    // sidecar comes: whether they speak mTLS it would not look up again.
    const isFirst = pods.length === this.running.size;
    tell(isFirst ? 'ready' : 'starting');
    if (isFirst) updateEndpointSlices(this.view);
    for (const pod of pods) pod.startProxy();
    await Promise.all(pods.map((pod) => pod.proxyReady(signal)));
    tell('ready');
  }

  /** A pod of which a program has ended by itself is no endpoint any more; the next change starts it anew. */
  private lose(pod: RunningPod, name: string): void {
    this.forget(pod);
    updateEndpointSlices(this.view);
    pod.stop().catch(() => {});
    this.onProgramExit(name);
  }

  private get podKind(): Kind {
    return this.view.kindOf({ apiVersion: 'v1', kind: 'Pod' });
  }

  private forget({ plan }: RunningPod): void {
    this.running.delete(keyOfPod(plan));
    this.view.store.remove(this.podKind, plan.namespace, plan.name);
  }

  /** A pod outside the mesh is told where all pods are, others the ports that names mean. */
  private routesOf(plan: PodPlan, services: readonly Service[]): string[] {
    if (plan.role === 'gateway') return [];
    return plan.hasSidecar
      ? defaultPortRoutes(services, plan.namespace)
      : podRoutes(services, this.all, plan.namespace);
  }
}

function nameOfPod({ namespace, name }: PodPlan): string {
  return `${namespace}/${name}`;
}

function keyOfPod(plan: PodPlan): string {
  return `${nameOfPod(plan)} ${plan.hash}`;
}
