import type { ChildProcess } from 'node:child_process';
import { MeshmockError } from '../plan/error.ts';
import type { Kind, Kinds } from './api/kinds.ts';
import type { Store } from './api/store.ts';
import { asMade, baseObjects, isApplied } from './base.ts';
import { withDefaults } from './cluster.ts';
import { istiodHost } from './control-plane.ts';
import { updateEndpointSlices } from './endpoint-slices.ts';
import { type Entry, entriesOf } from './entries.ts';
import { externalHostsAnnotation, fillObjects } from './fill.ts';
import { gatewayObjects } from './gateways.ts';
import type { PodStats } from './messages.ts';
import { type Addresses, istiodAddress } from './network.ts';
import { type KubeObject, type Service, selects, type Workload } from './objects.ts';
import { leftOut, type PodPlan, planPods } from './pods.ts';
import { defaultPortRoutes, namesOf, podRoutes } from './routes.ts';
import { type PodSurroundings, RunningPod } from './running-pod.ts';
import { proxyStats } from './sidecar.ts';

/** Pods are several processes each: more would bring a laptop to its knees. */
const mostPods = 40;

const workloadKinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'];
const configWithDestinations = [
  ...['VirtualService', 'DestinationRule', 'ServiceEntry'],
  ...['HTTPRoute', 'GRPCRoute', 'TCPRoute', 'TLSRoute'],
];

/** Keeps the pods that the objects in the store ask for: kubelet, controllers and injector in one. */
export class PodKeeper {
  private readonly surroundings: PodSurroundings;
  private readonly store: Store;
  private readonly kinds: Kinds;
  private readonly addresses: Addresses;
  private readonly fill: boolean;
  private readonly running = new Map<string, RunningPod>();
  /** Objects that nobody applied: those of gateways, and what `--fill` adds. */
  private made: KubeObject[] = [];
  /** Called when a program ends that should not. */
  onLoss: (name: string) => void = () => {};
  /** Called when other entries are there, before what is behind them has started. */
  onEntries: (entries: readonly Entry[]) => void = () => {};

  constructor(
    surroundings: PodSurroundings,
    store: Store,
    kinds: Kinds,
    { addresses, fill }: { readonly addresses: Addresses; readonly fill: boolean },
  ) {
    this.surroundings = surroundings;
    this.store = store;
    this.kinds = kinds;
    this.addresses = addresses;
    this.fill = fill;
  }

  /** The addresses of the pods that have a proxy. */
  get proxyAddresses(): string[] {
    return [...this.running.values()].filter(({ plan }) => plan.hasSidecar).map(({ address }) => address);
  }

  /** Where calls from outside may enter. */
  get entries(): Entry[] {
    return entriesOf(this.list<Service>('v1', 'Service'), [...this.running.values()]);
  }

  get all(): readonly RunningPod[] {
    return [...this.running.values()];
  }

  /** What the proxy of each pod has counted. */
  async stats(signal: AbortSignal): Promise<PodStats[]> {
    const proxied = this.all.filter(({ plan }) => plan.hasSidecar);
    return Promise.all(
      proxied.map(async ({ plan, address }) => ({ pod: plan.name, stats: await proxyStats(address, signal) })),
    );
  }

  /** The addresses behind a name, for those whom no sidecar's DNS answers. */
  addressesOf(name: string): readonly string[] | undefined {
    if (name.startsWith(istiodHost)) return [istiodAddress];
    const service = this.list<Service>('v1', 'Service').find((one) => namesOf(one, '').includes(name));
    const { clusterIP = 'None', externalName } = service?.spec ?? {};
    if (externalName !== undefined) return this.addressesOf(externalName);
    if (service !== undefined && clusterIP !== 'None') return [clusterIP];
    if (service !== undefined)
      return this.all
        .filter(
          ({ plan }) => plan.namespace === service.metadata.namespace && selects(service.spec.selector, plan.labels),
        )
        .map(({ address }) => address);
    const outside = [...this.running.values()].filter(({ plan }) =>
      plan.annotations[externalHostsAnnotation]?.split(',').includes(name),
    );
    return outside.length === 0 ? undefined : outside.map(({ address }) => address);
  }

  /** Says it when a program ends by itself. */
  watch(name: string, program: ChildProcess): void {
    program.once('exit', () => this.onLoss(name));
  }

  /**
   * Refuses objects with which there would be too many pods, before they are taken in.
   *
   * @throws MeshmockError `usage`
   */
  checkCount(objects: readonly KubeObject[]): void {
    const coming = objects.filter(({ kind }) => workloadKinds.includes(kind)) as Workload[];
    const all = new Map([...this.workloads(), ...coming].map((workload) => [keyOf(workload), workload]));
    const count = [...all.values()].reduce((sum, { spec }) => sum + (spec.replicas ?? 1), 0);
    if (count > mostPods)
      throw new MeshmockError(
        'usage',
        `these would be ${count} pods: at most ${mostPods} run here; say fewer replicas`,
      );
  }

  /**
   * Starts the pods that are asked for and not there, ends those that are not asked for any more.
   *
   * @param beforeProxies what their proxies need; mocks start meanwhile
   * @throws MeshmockError `usage`
   */
  async reconcile(signal: AbortSignal, beforeProxies?: () => Promise<void>): Promise<{ readonly leftOut: string[] }> {
    this.makeObjects();
    const services = this.list<Service>('v1', 'Service');
    const workloads = this.workloads();
    const plans = planPods(workloads, services, (namespace) => this.namespaceLabels(namespace));
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
    updateEndpointSlices(this.store, this.kinds);
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
    for (const pod of pods) pod.onLoss = (name) => this.lose(pod, name);
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
    const podKind = this.kind('v1', 'Pod');
    const tell = (state: 'starting' | 'ready'): void => {
      for (const pod of pods) this.store.put(podKind, pod.objectThatIs(state));
    };
    // At the start nobody calls yet, and istiod makes the clusters of headless Services as their endpoints are when a
    // sidecar comes: whether they speak mTLS it would not look up again.
    const isFirst = pods.length === this.running.size;
    tell(isFirst ? 'ready' : 'starting');
    if (isFirst) updateEndpointSlices(this.store, this.kinds);
    for (const pod of pods) pod.startProxy();
    await Promise.all(pods.map((pod) => pod.proxyReady(signal)));
    tell('ready');
  }

  /** A pod of which a program has ended by itself is no endpoint any more; the next change starts it anew. */
  private lose(pod: RunningPod, name: string): void {
    this.forget(pod);
    updateEndpointSlices(this.store, this.kinds);
    pod.stop().catch(() => {});
    this.onLoss(name);
  }

  private forget({ plan }: RunningPod): void {
    this.running.delete(keyOfPod(plan));
    this.store.remove(this.kind('v1', 'Pod'), plan.namespace, plan.name);
  }

  /** A pod outside the mesh is told where all pods are, others the ports that names mean. */
  private routesOf(plan: PodPlan, services: readonly Service[]): string[] {
    if (plan.role === 'gateway') return [];
    return plan.hasSidecar
      ? defaultPortRoutes(services, plan.namespace)
      : podRoutes(services, [...this.running.values()], plan.namespace);
  }

  /** Gateways, and with `--fill` what destinations lack, as the applied objects want them now. */
  private makeObjects(): void {
    const services = this.list<Service>('v1', 'Service').filter(isApplied);
    const workloads = this.workloads().filter(isApplied);
    const made = [...baseObjects(), ...gatewayObjects(this.config(['Gateway']), workloads, services)];
    if (this.fill) {
      const config = this.config(configWithDestinations);
      made.push(...fillObjects({ services, workloads, config, namespaces: this.namespaces(services, workloads) }));
    }
    const wanted = made.filter((object) => {
      const now = this.store.get(this.kinds.of(object) as Kind, object.metadata.namespace, object.metadata.name);
      return now === undefined || !isApplied(now);
    });
    const names = new Set(wanted.map(keyOf));
    for (const object of this.made.filter((one) => !names.has(keyOf(one)))) {
      const [kind, { namespace, name }] = [this.kinds.of(object) as Kind, object.metadata];
      const now = this.store.get(kind, namespace, name);
      if (now !== undefined && !isApplied(now)) this.store.remove(kind, namespace, name);
    }
    this.made = wanted;
    for (const object of wanted) {
      const kind = this.kinds.of(object) as Kind;
      this.store.put(kind, asMade(withDefaults(object, this.store, kind, this.addresses)));
    }
  }

  private namespaces(...objects: readonly (readonly KubeObject[])[]): Set<string> {
    const own = this.list<KubeObject>('v1', 'Namespace').map(({ metadata }) => metadata.name);
    return new Set([...own, ...objects.flat().map(({ metadata }) => metadata.namespace ?? 'default')]);
  }

  /** Objects of Istio and Gateway API of some kinds. */
  private config(kinds: readonly string[]): KubeObject[] {
    return ['networking.istio.io/v1', 'gateway.networking.k8s.io/v1'].flatMap((apiVersion) =>
      kinds.flatMap((kind) => (this.kinds.of({ apiVersion, kind }) === undefined ? [] : this.list(apiVersion, kind))),
    );
  }

  private workloads(): Workload[] {
    return workloadKinds.flatMap((kind) => this.list<Workload>('apps/v1', kind));
  }

  private namespaceLabels(namespace: string): Readonly<Record<string, string>> {
    return this.store.get(this.kind('v1', 'Namespace'), undefined, namespace)?.metadata.labels ?? {};
  }

  private list<T extends KubeObject>(apiVersion: string, kind: string): T[] {
    return this.store.list<T>(this.kind(apiVersion, kind));
  }

  private kind(apiVersion: string, kind: string): Kind {
    return this.kinds.of({ apiVersion, kind }) as Kind;
  }
}

function keyOf({ apiVersion, kind, metadata }: KubeObject): string {
  return [apiVersion, kind, metadata.namespace, metadata.name].join(' ');
}

function nameOfPod({ namespace, name }: PodPlan): string {
  return `${namespace}/${name}`;
}

function keyOfPod(plan: PodPlan): string {
  return `${nameOfPod(plan)} ${plan.hash}`;
}
