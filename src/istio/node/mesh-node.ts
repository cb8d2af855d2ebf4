import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { ClusterView } from '../cluster/cluster-view.ts';
import type { ContainerPlace } from '../control-plane/control-plane.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { bindPod, createToken } from '../kube-api/subresources.ts';
import { istiodAddress, PodAddresses } from '../network/addresses.ts';
import { writeProxyDump } from '../observe/proxy-dump.ts';
import { parallelStarts, StartSlots } from '../process/start-slots.ts';
import { isTerminating, type Pod } from '../resources/objects.ts';
import { EntryPublisher, entriesOf, workloadEntriesOf } from './entries.ts';
import { InterceptionRules } from './interception.ts';
import { nodeName, nodeObject, podLimit } from './node-object.ts';
import { controllerOf, isOrphan } from './pod-owners.ts';
import { type PodPlan, PodPlans } from './pod-plan.ts';
import type { NodeContext } from './pod-sandbox.ts';
import type { BehaviourChange, PodProgress, PodStats, ProxyDump, ReadinessChange } from './pod-status.ts';
import { PodStatusWriter, ReadyBatch } from './pod-status-writer.ts';
import { type MeshProxy, proxyStats } from './proxy-process.ts';
import { RunningPod } from './running-pod.ts';
import { mocksOf, setServiceBehaviour } from './service-behaviour.ts';

export interface NodeOptions {
  readonly client: KubeClient;
  readonly view: ClusterView;
  readonly image: NodeContext['image'];
  readonly folder: string;
  readonly serveArguments: readonly string[];
  readonly kubeconfig: NodeContext['kubeconfig'];
  /** True if each workload has an entry too, besides its Services. */
  readonly workloadEntries: boolean;
}

/** Maximum time until a proxy shows its configuration, and the pause after a failure, in milliseconds. */
const dumpMs = 10_000;
const dumpPauseMs = 200;

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
  private readonly plans: PodPlans;
  private readonly addresses = new PodAddresses();
  private readonly stopping = new Map<string, Promise<void>>();
  private readonly statuses: PodStatusWriter;
  private readonly readyPods: ReadyBatch<RunningPod>;
  /** Uids of the pods that were bound to this node. */
  private readonly bound = new Set<string>();
  /** Maximum number of pods on this machine. */
  readonly limit = podLimit();
  /** Entry points for calls from outside the mesh. */
  readonly entries: EntryPublisher;
  private publishedProgress: PodProgress = { pods: 0, ready: 0 };
  /** Called with the name of a program that ends unexpectedly. */
  onProgramExit: (name: string) => void = () => {};
  /** Called with the numbers of all pods and of those that are ready, whenever these change. */
  onProgress: (progress: PodProgress) => void = () => {};

  /** @param signal ends all waits of the node, at the end of the mesh */
  constructor(options: NodeOptions, signal: AbortSignal) {
    this.options = options;
    this.signal = signal;
    this.statuses = new PodStatusWriter(options.client, signal);
    const { client, view } = options;
    this.plans = new PodPlans(view);
    this.context = {
      ...options,
      slots: new StartSlots(parallelStarts),
      interceptionRules: new InterceptionRules(),
      servicePortsOf: ({ namespace }) => this.plans.servicePortsOf(namespace),
      data: (kind, name, namespace) => view.data(kind, namespace, name),
      files: (kind, name, namespace) => view.files(kind, namespace, name),
      waitUntil: (holds, either) => view.waitUntil(holds, either),
      token: async ({ namespace, serviceAccount, name, uid }, audience, seconds) => {
        const audiences = audience === undefined ? [] : [audience];
        const boundPod = { metadata: { name, uid } };
        const request = { namespace, serviceAccount, audiences, seconds, boundPod };
        return (await createToken(client, request, signal)).token;
      },
    };
    this.readyPods = new ReadyBatch(
      (pod) => this.statuses.write(pod),
      () => this.context.slots.areInUse,
    );
    this.entries = new EntryPublisher(() => [
      ...entriesOf(view.services, this.all, view.config(['Gateway'])),
      ...(options.workloadEntries ? workloadEntriesOf(this.all) : []),
    ]);
  }

  /** Registers the node and begins to run pods. The objects of the view must be in already. */
  async start(): Promise<void> {
    const { client, view } = this.options;
    await client.create(nodeObject(this.limit.pods), {}, this.signal).catch((error: unknown) => {
      // The prepared data of the API may have the node already.
      if (!(error instanceof MeshmockError && error.code === 'conflict')) throw error;
    });
    view.onChange(['Pod', 'Service', 'Gateway', 'Ingress', 'IngressClass'], () => this.sync());
    this.sync();
  }

  /** Running pods with a mock or a gateway, without those that are being deleted. */
  get all(): readonly RunningPod[] {
    return [...this.running.values()].filter(({ plan }) => plan.role !== 'istiod' && !this.stopping.has(plan.uid));
  }

  /** Proxies of the pods, without those that are being deleted. */
  get proxies(): MeshProxy[] {
    const proxied = this.all.filter(({ plan }) => plan.hasSidecar);
    return proxied.map(({ plan, address }) => ({ id: `${plan.name}.${plan.namespace}`, address }));
  }

  /** Reasons for which pods are not ready. */
  get problems(): string[] {
    const { view } = this.options;
    return view.pods.flatMap((pod) => {
      const { isReady = true, problem } = this.running.get(uidOf(pod)) ?? {};
      return isReady || problem === undefined || isTerminating(pod) || isOrphan(pod, view.workloads) ? [] : [problem];
    });
  }

  /** Reports whether every pod of the API is ready or being deleted. Deleted pods get no new connections. */
  get isSettled(): boolean {
    const { pods, workloads } = this.options.view;
    const isSettled = (pod: Pod): boolean => isTerminating(pod) || (!isOrphan(pod, workloads) && this.isReady(pod));
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
   * Writes the configuration of each pod's Envoy into a folder.
   *
   * @param request the folder, and the pods to write as `NAMESPACE/NAME`; all if not given
   * @returns all pods, also those without a proxy or a file
   */
  async writeDumps(
    { folder, pods }: { readonly folder: string; readonly pods?: readonly string[] },
    signal: AbortSignal,
  ): Promise<ProxyDump[]> {
    await mkdir(folder, { recursive: true });
    const isWanted = ({ namespace, name }: PodPlan): boolean => pods?.includes(`${namespace}/${name}`) ?? true;
    const dumps = await Promise.all(
      this.all.map((pod) => this.writeDump(pod, isWanted(pod.plan) ? folder : undefined, signal)),
    );
    return dumps.filter((dump) => dump !== undefined);
  }

  /** @returns undefined if the pod is being deleted */
  private async writeDump(
    pod: RunningPod,
    folder: string | undefined,
    signal: AbortSignal,
  ): Promise<ProxyDump | undefined> {
    const { plan, address, networkNamespace } = pod;
    const { name, namespace, workload, role, labels, serviceAccount, hasSidecar } = plan;
    const file = hasSidecar && folder !== undefined ? path.join(folder, `${networkNamespace}.json`) : undefined;
    for (const endMs = performance.now() + dumpMs; ; ) {
      if (!this.isKept(plan.uid)) return undefined;
      try {
        if (file !== undefined) await writeProxyDump(networkNamespace, file, signal);
        return { name, namespace, workload, role, labels, serviceAccount, address, file };
      } catch (error) {
        // The proxy of a pod ends before the API says so.
        if (signal.aborted || performance.now() > endMs) throw error;
        await sleep(dumpPauseMs, undefined, { signal });
      }
    }
  }

  /** Reports whether a pod of the API is not being deleted. */
  private isKept(uid: string): boolean {
    return this.options.view.pods.some((pod) => uidOf(pod) === uid && !isTerminating(pod));
  }

  /**
   * Makes the mocks of a service apply directives to every request.
   *
   * @throws MeshmockError `usage` if no mock has the name, or if the directives are not valid
   */
  setBehaviour(change: BehaviourChange, signal: AbortSignal): Promise<void> {
    return setServiceBehaviour(this.all, this.options.view.services, change, signal);
  }

  /**
   * Lets the readiness probes of a service's mocks succeed or fail.
   *
   * @returns the uids of their pods
   * @throws MeshmockError `usage` if no mock has the name
   */
  setReadiness(change: ReadinessChange): readonly string[] {
    const pods = mocksOf(this.all, this.options.view.services, change);
    for (const pod of pods) pod.setReadiness(change.isReady);
    return pods.map(({ plan }) => plan.uid);
  }

  /** Makes the running pods those of the API. */
  private sync(): void {
    if (this.signal.aborted) return;
    const { pods } = this.options.view;
    const uids = new Set(pods.map(uidOf));
    for (const [uid] of this.running) if (!uids.has(uid)) this.stop(uid, undefined);
    for (const pod of pods) this.syncPod(pod);
    this.entries.publish();
    this.publishProgress();
  }

  /** Numbers of all pods and of those that are ready. */
  get progress(): PodProgress {
    const pods = this.options.view.pods.filter((pod) => !isTerminating(pod) && !isFinished(pod));
    return { pods: pods.length, ready: pods.filter((pod) => this.isReady(pod)).length };
  }

  private publishProgress(): void {
    const { progress } = this;
    const { pods, ready } = this.publishedProgress;
    if (progress.pods === pods && progress.ready === ready) return;
    this.publishedProgress = progress;
    this.onProgress(progress);
  }

  private isReady(pod: Pod): boolean {
    return this.running.get(uidOf(pod))?.isReady === true;
  }

  private syncPod(pod: Pod): void {
    const uid = uidOf(pod);
    const running = this.running.get(uid);
    if (isTerminating(pod)) this.stop(uid, pod);
    else if (isFinished(pod)) this.bound.delete(uid);
    else if (running !== undefined) running.update(this.plans.of(pod));
    else if (pod.spec.nodeName === undefined) this.bind(pod);
    else if (isOfJob(pod)) this.statuses.writeSuccess(pod);
    else this.run(this.plans.of(pod));
  }

  /** Binds a pod to this node, as a scheduler does. */
  private bind(pod: Pod): void {
    const uid = uidOf(pod);
    if (this.bound.has(uid)) return;
    // The pod waits for a place. A pod that ends begins the next attempt.
    if (this.bound.size >= this.limit.pods) return;
    this.bound.add(uid);
    bindPod(this.options.client, pod, nodeName, this.signal).catch(() => {
      // The pod was deleted meanwhile, or the mesh ends.
      this.bound.delete(uid);
    });
  }

  /** Returns a message if there are more pods than this machine can run. */
  capacityProblem(): string[] {
    const count = this.options.view.pods.filter((pod) => !isFinished(pod) && !isTerminating(pod)).length;
    const { pods, reason } = this.limit;
    if (count <= pods) return [];
    return [`the mesh would have ${count} pods, but ${reason}: set fewer replicas, or use --max-replicas 1`];
  }

  private run(plan: PodPlan): void {
    const { addresses } = this;
    const address = plan.role === 'istiod' && !this.hasIstiod ? addresses.take(istiodAddress) : addresses.allocate();
    const pod = new RunningPod(plan, address, this.context, {
      onStatus: () => {
        this.writeStatus(pod);
        this.entries.publish();
        this.publishProgress();
        // The status of a mock that has started again is the same as before, so the API reports no change.
        this.options.view.checkAgain();
      },
      onProgramExit: (name) => this.onProgramExit(name),
    });
    this.running.set(plan.uid, pod);
    pod.start();
    this.statuses.write(pod);
  }

  /** Writes the status of a pod: at once, or when it saves work at the API server and at istiod. */
  private writeStatus(pod: RunningPod): void {
    const isStart = pod.plan.role !== 'istiod' && !this.readyPods.hasWritten(pod);
    if (isStart && pod.isReady) this.readyPods.add(pod);
    else if (isStart && pod.problem === undefined) this.statuses.writeIfSlow(pod);
    else this.statuses.write(pod);
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

function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}
