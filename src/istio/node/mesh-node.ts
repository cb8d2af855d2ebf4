import { freemem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { ClusterView } from '../cluster/cluster-view.ts';
import type { ContainerPlace } from '../control-plane/control-plane.ts';
import { echoClientFolder, installEchoClient } from '../echo-client/install.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { istiodAddress, PodAddresses } from '../network/addresses.ts';
import { entryName, findByName } from '../resources/entry-names.ts';
import { type Pod, type Service, servicesSelecting } from '../resources/objects.ts';
import { defaultPortRoutes } from '../resources/routes.ts';
import { type Entry, entriesOf } from './entries.ts';
import { nodeName, nodeObject } from './node-object.ts';
import { controllerOf, isOrphan } from './pod-owners.ts';
import { type PodPlan, planPod } from './pod-plan.ts';
import type { NodeContext } from './pod-sandbox.ts';
import type { BehaviourChange, PodStats } from './pod-status.ts';
import { completedStatusObject } from './pod-status-object.ts';
import { PodStatusWriter } from './pod-status-writer.ts';
import { proxyStats } from './proxy-process.ts';
import { RunningPod } from './running-pod.ts';

export interface NodeOptions {
  readonly client: KubeClient;
  readonly view: ClusterView;
  readonly image: NodeContext['image'];
  readonly folder: string;
  readonly serveArguments: readonly string[];
  readonly kubeconfig: NodeContext['kubeconfig'];
}

/** Memory that a pod needs, in bytes: its mock and its proxy. */
const podBytes = 130 * 1024 ** 2;
/** Memory that stays free for everything else, in bytes. */
const reservedBytes = 512 * 1024 ** 2;
/** Time in which proxies stop choosing a pod that is deleted, in milliseconds. */
const deletionMs = 200;

/**
 * Node of the local mesh. As a scheduler and a kubelet do, it takes every pod of the API, runs it as a network namespace,
 * and writes its status.
 */
export class MeshNode {
  private readonly options: NodeOptions;
  private readonly context: NodeContext;
  private readonly signal: AbortSignal;
  /** Running pods by uid. */
  private readonly running = new Map<string, RunningPod>();
  private readonly addresses = new PodAddresses();
  private readonly stopping = new Map<string, Promise<void>>();
  private readonly statuses: PodStatusWriter;
  /** Uids of the pods that were bound to this node. */
  private readonly bound = new Set<string>();
  /** Maximum number of pods for which this machine has memory. */
  readonly maxPods = Math.floor((freemem() - reservedBytes) / podBytes);
  /** Uids of the pods of Jobs whose success is being reported. */
  private readonly completing = new Set<string>();
  private publishedEntries = '';
  private holds = 0;
  /** Called with the name of a program that ends unexpectedly. */
  onProgramExit: (name: string) => void = () => {};
  /** Called when the entries have changed. */
  onEntries: (entries: readonly Entry[]) => void = () => {};

  /** @param signal ends all waits of the node, at the end of the mesh */
  constructor(options: NodeOptions, signal: AbortSignal) {
    this.options = options;
    this.signal = signal;
    this.statuses = new PodStatusWriter(options.client, signal);
    const { client, view } = options;
    this.context = {
      ...options,
      routesOf: ({ namespace }) => defaultPortRoutes(view.services, namespace),
      data: (kind, name, namespace) => view.data(kind, namespace, name),
      files: (kind, name, namespace) => view.files(kind, namespace, name),
      waitUntil: (holds, either) => view.waitUntil(holds, either),
      token: async ({ namespace, serviceAccount, name, uid }, audience, seconds) => {
        const audiences = audience === undefined ? [] : [audience];
        const pod = { metadata: { name, uid } };
        return (await client.createToken(namespace, serviceAccount, audiences, seconds, pod, signal)).token;
      },
    };
  }

  /** Registers the node and begins to run pods. The objects of the view must be in already. */
  async start(): Promise<void> {
    const { client, view, folder } = this.options;
    await installEchoClient(echoClientFolder(folder));
    await client.create(nodeObject(this.maxPods), {}, this.signal).catch((error: unknown) => {
      // The prepared data of the API may have the node already.
      if (!(error instanceof MeshmockError && error.code === 'conflict')) throw error;
    });
    view.onChange(['Pod', 'Service', 'Gateway'], () => this.sync());
    this.sync();
  }

  /** Running pods with a mock or a gateway, without those that are being deleted. */
  get all(): readonly RunningPod[] {
    return [...this.running.values()].filter(({ plan }) => plan.role !== 'istiod' && !this.stopping.has(plan.uid));
  }

  /** Addresses of the pods that have a proxy. */
  get proxyAddresses(): string[] {
    return this.all.filter(({ plan }) => plan.hasSidecar).map(({ address }) => address);
  }

  /** Entry points for calls from outside the mesh. */
  get entries(): Entry[] {
    const { view } = this.options;
    return entriesOf(view.services, this.all, view.config(['Gateway']));
  }

  /** Reasons for which pods are not ready. */
  get problems(): string[] {
    const { view } = this.options;
    return view.pods.flatMap((pod) => {
      const { isReady = true, problem } = this.running.get(uidOf(pod)) ?? {};
      return isReady || problem === undefined || isTerminating(pod) || isOrphan(pod, view.workloads) ? [] : [problem];
    });
  }

  /** Reports whether every pod of the API is ready, and no pod is being deleted. */
  get isSettled(): boolean {
    const { pods, workloads } = this.options.view;
    const isSettled = (pod: Pod): boolean =>
      !isTerminating(pod) && !isOrphan(pod, workloads) && this.running.get(uidOf(pod))?.isReady === true;
    return pods.every((pod) => isFinished(pod) || isSettled(pod));
  }

  /** Returns the place of a container, or of a pod if no container is named; undefined if it does not run. */
  placeOf(namespace: string, name: string, container: string | undefined): ContainerPlace | undefined {
    const pod = [...this.running.values()].find(({ plan }) => plan.namespace === namespace && plan.name === name);
    return pod?.placeOf(container);
  }

  /** Reads the counters of each pod's proxy. */
  async stats(signal: AbortSignal): Promise<PodStats[]> {
    const proxied = this.all.filter(({ plan }) => plan.hasSidecar);
    return Promise.all(
      proxied.map(async ({ plan, address }) => ({
        pod: `${plan.namespace}/${plan.name}`,
        stats: await proxyStats(address, signal),
      })),
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
    const namedMocks = mocks.flatMap((pod) => this.serviceNamesOf(pod.plan).map((name) => ({ name, pod })));
    const found = findByName(namedMocks, ({ name }) => name, service, namespace).map(({ pod }) => pod);
    const selected = found.length > 0 ? found : mocks.filter(({ plan }) => plan.service === service);
    if (selected.length === 0) {
      const names = [...new Set(namedMocks.map(({ name }) => name))];
      throw new MeshmockError('usage', `unknown service ${service}: expected one of ${names.join(', ')}`);
    }
    await Promise.all(selected.map((pod) => pod.setBehaviour(directives, signal)));
  }

  /** Returns the names of the Services that select a pod, and the service name with which its mock answers. */
  private serviceNamesOf({ service, namespace, labels }: PodPlan): string[] {
    const services = servicesSelecting(this.options.view.services, namespace, labels);
    const names = [service, ...services.map(({ metadata }) => metadata.name)];
    return [...new Set(names)].map((name) => entryName(name, namespace));
  }

  /** Makes the running pods those of the API. */
  private sync(): void {
    if (this.signal.aborted) return;
    const { pods, services } = this.options.view;
    const uids = new Set(pods.map(uidOf));
    for (const [uid] of this.running) if (!uids.has(uid)) this.stop(uid, undefined);
    for (const pod of pods) this.syncPod(pod, services);
    this.publishEntries();
  }

  private syncPod(pod: Pod, services: readonly Service[]): void {
    const uid = uidOf(pod);
    const running = this.running.get(uid);
    if (isTerminating(pod)) this.stop(uid, pod);
    else if (isFinished(pod)) this.bound.delete(uid);
    else if (running !== undefined) running.update(planPod(pod, services));
    else if (pod.spec.nodeName === undefined) this.bind(pod);
    else if (isOfJob(pod)) this.complete(pod);
    else this.run(planPod(pod, services));
  }

  /** Keeps changes of the entries back until the function ends, so that new entries get their ports in order. */
  async holdEntries<T>(action: () => Promise<T>): Promise<T> {
    this.holds++;
    try {
      return await action();
    } finally {
      this.holds--;
      this.publishEntries();
    }
  }

  private publishEntries(): void {
    if (this.holds > 0) return;
    const entries = this.entries;
    const text = JSON.stringify(entries);
    if (text === this.publishedEntries) return;
    this.publishedEntries = text;
    this.onEntries(entries);
  }

  /** Binds a pod to this node, as a scheduler does. */
  private bind(pod: Pod): void {
    const uid = uidOf(pod);
    if (this.bound.has(uid)) return;
    // The pod waits for memory. A pod that ends begins the next attempt.
    if (this.bound.size >= this.maxPods) return;
    this.bound.add(uid);
    this.options.client.bind(pod, nodeName, this.signal).catch(() => {
      // The pod was deleted meanwhile, or the mesh ends.
      this.bound.delete(uid);
    });
  }

  /** Returns a message if pods wait for memory. */
  capacityProblem(): string[] {
    const count = this.options.view.pods.filter((pod) => !isFinished(pod)).length;
    if (count <= this.maxPods) return [];
    return [
      `the mesh would have ${count} pods, but this machine has memory for ${this.maxPods}: set fewer replicas, or use --max-replicas 1`,
    ];
  }

  /** Reports the success of a pod of a Job without running it: a mock serves and never ends. */
  private complete(pod: Pod): void {
    const uid = uidOf(pod);
    if (this.completing.has(uid)) return;
    this.completing.add(uid);
    const status = completedStatusObject(pod.spec, new Date());
    this.options.client
      .patch(pod, { status }, 'merge', { subresource: 'status' }, this.signal)
      .catch(() => {
        // The pod was deleted meanwhile, or the mesh ends.
      })
      .finally(() => this.completing.delete(uid));
  }

  private run(plan: PodPlan): void {
    const { addresses } = this;
    const address = plan.role === 'istiod' && !this.hasIstiod ? addresses.take(istiodAddress) : addresses.allocate();
    const pod = new RunningPod(plan, address, this.context, {
      onStatus: () => this.statuses.write(pod),
      onProgramExit: (name) => this.onProgramExit(name),
    });
    this.running.set(plan.uid, pod);
    pod.start();
    this.statuses.write(pod);
  }

  private get hasIstiod(): boolean {
    return [...this.running.values()].some(({ plan }) => plan.role === 'istiod');
  }

  /** @param pod the pod in the API, to be removed there when it has ended */
  private stop(uid: string, pod: Pod | undefined): void {
    if (this.stopping.has(uid)) return;
    const running = this.running.get(uid);
    const stopped = this.stopOne(running, pod).finally(() => {
      this.running.delete(uid);
      this.stopping.delete(uid);
      if (running !== undefined) this.addresses.release(running.address);
      this.bound.delete(uid);
      this.sync();
    });
    this.stopping.set(uid, stopped);
    stopped.catch(() => {});
  }

  private async stopOne(running: RunningPod | undefined, pod: Pod | undefined): Promise<void> {
    if (running !== undefined) {
      if (running.isReady) await sleep(deletionMs, undefined, { signal: this.signal });
      await running.stop();
    }
    if (pod !== undefined) await this.options.client.delete(pod, { gracePeriodSeconds: 0 }, this.signal);
  }
}

function uidOf({ metadata }: Pod): string {
  return metadata.uid ?? '';
}

function isOfJob({ metadata }: Pod): boolean {
  return controllerOf(metadata)?.kind === 'Job';
}

function isTerminating({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}
