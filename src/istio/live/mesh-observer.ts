import path from 'node:path';
import { optional } from '../../error/optional.ts';
import type { ClusterView } from '../cluster/cluster-view.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { type CacheEvent, ObjectCache } from '../kube-api/object-cache.ts';
import type { MeshNode } from '../node/mesh-node.ts';
import { readTrafficStats } from '../observe/metrics-endpoint.ts';
import { NewLines } from '../observe/new-lines.ts';
import { PodDirectory } from '../observe/pod-directory.ts';
import { parseRefusals } from '../observe/refused-requests.ts';
import { retrySeries, sentSeries, trafficSeries } from '../observe/traffic-series.ts';
import { entryName } from '../resources/entry-names.ts';
import { externalHostsAnnotation } from '../resources/installation.ts';
import type { ManifestSource } from '../resources/manifest.ts';
import { type KubeObject, namespaceOf } from '../resources/objects.ts';
import type { ChangeLog, SourcedObject } from './change-log.ts';
import { changedMs, configId, configKinds, isOfMeshmock, ownIds, shownObject } from './config-objects.ts';
import type {
  Observation,
  ObservedObject,
  ObservedPod,
  ObservedService,
  ObserveRequest,
  PodRefusal,
  PodTraffic,
} from './observation.ts';
import { type PodLog, RefusalSenders } from './refusal-senders.ts';
import { WorkloadChanges } from './workload-changes.ts';

/** Time without a request after which the observer stops to watch, in milliseconds. */
const idleMs = 10_000;

/** Time without a request after which the lines of the logs are old, in milliseconds. Counts of a page begin anew then too. */
const longestGapMs = 60_000;

/** Maximum size of what is read of a log at once, in bytes. */
const mostLogBytes = 512 * 1024;

/** Parts of a local mesh that an observer reads. */
export interface ObservedMesh {
  readonly client: KubeClient;
  readonly view: ClusterView;
  readonly node: MeshNode;
  readonly changeLog: ChangeLog;
  /** Folder of the logs of the proxies. */
  readonly logs: string;
  readonly rootNamespace: () => string;
}

/**
 * Observer of a mesh for its page. It begins to watch objects and logs with its first request, and stops when no more
 * requests come. So a mesh without an open page pays nothing.
 */
export class MeshObserver {
  private readonly mesh: ObservedMesh;
  /** Reader of the logs, which continues when a page is opened again, or its tab is shown again. */
  private readonly log: NewLines;
  private lastMs = Number.NEGATIVE_INFINITY;
  private watch: Promise<Watch> | undefined;
  private idle: NodeJS.Timeout | undefined;

  constructor(mesh: ObservedMesh) {
    this.mesh = mesh;
    this.log = new NewLines(mesh.logs, mostLogBytes);
  }

  /** Returns the state of the mesh, and what is new. */
  async observe({ afterChange, objectsVersion }: ObserveRequest, signal: AbortSignal): Promise<Observation> {
    clearTimeout(this.idle);
    this.watch ??= this.startWatch(signal);
    const starting = this.watch;
    try {
      const watch = await starting;
      this.lastMs = performance.now();
      const [traffic, refusals] = await Promise.all([this.traffic(signal), watch.refusals(this.pods)]);
      watch.recordChanges();
      return {
        atMs: Date.now(),
        rootNamespace: this.mesh.rootNamespace(),
        pods: this.pods,
        services: this.services,
        traffic,
        refusals,
        objectsVersion: watch.version,
        ...(watch.version === objectsVersion ? {} : { objects: watch.objects }),
        changes: this.mesh.changeLog.after(afterChange),
      };
    } catch (error) {
      if (this.watch === starting) this.watch = undefined;
      throw error;
    } finally {
      this.stopLater();
    }
  }

  private async startWatch(signal: AbortSignal): Promise<Watch> {
    if (performance.now() - this.lastMs > longestGapMs) await this.log.skip();
    return Watch.start(this.mesh, this.log, signal);
  }

  private stopLater(): void {
    clearTimeout(this.idle);
    this.idle = setTimeout(() => {
      this.watch?.then((watch) => watch.stop()).catch(() => {});
      this.watch = undefined;
    }, idleMs).unref();
  }

  private async traffic(signal: AbortSignal): Promise<PodTraffic[]> {
    const { node } = this.mesh;
    const pods = node.all.map(({ plan, address }) => ({ ...plan, address, hasProxy: plan.hasSidecar }));
    const directory = new PodDirectory(pods);
    const stats = await readTrafficStats(
      pods.filter(({ hasProxy }) => hasProxy),
      signal,
    );
    return stats.map((one) => ({
      pod: `${one.pod.namespace}/${one.pod.name}`,
      series: trafficSeries(one, directory),
      retries: retrySeries(one),
      sent: sentSeries(one),
    }));
  }

  private get pods(): ObservedPod[] {
    return this.mesh.node.all.map(({ plan, address, isReady }) => ({
      name: plan.name,
      namespace: plan.namespace,
      workload: plan.workload,
      service: plan.service,
      // A gateway has no mock, so the version of one means nothing.
      version: plan.role === 'gateway' ? '' : plan.version,
      address,
      role: plan.role === 'gateway' ? 'gateway' : 'mock',
      hasSidecar: plan.hasSidecar,
      isReady,
      serviceAccount: plan.serviceAccount,
      labels: plan.labels,
      isOutside: plan.annotations[externalHostsAnnotation] !== undefined,
    }));
  }

  private get services(): ObservedService[] {
    return this.mesh.view.services.map((service) => ({
      name: service.metadata.name,
      namespace: namespaceOf(service),
      ...optional('selector', service.spec.selector),
    }));
  }
}

/** Change of an object, and the time at which it was seen. */
interface TimedEvent extends CacheEvent {
  readonly atMs: number;
  /** Manifests from which meshmock applied the object, as of this time. */
  readonly source: ManifestSource | undefined;
}

/** Watch of the objects and logs of a mesh, while its page is open. */
class Watch {
  private readonly mesh: ObservedMesh;
  private readonly cache: ObjectCache;
  private readonly log: NewLines;
  private readonly senders = new RefusalSenders();
  private readonly stopped = new AbortController();
  private events: TimedEvent[] = [];
  private unfollow: () => void = () => {};
  /** Number that grows with each change of an object. It begins with the time, so that each watch has other numbers. */
  version = Date.now();

  private constructor(mesh: ObservedMesh, log: NewLines) {
    this.mesh = mesh;
    this.log = log;
    const { client } = mesh;
    this.cache = new ObjectCache(
      client,
      configKinds.filter((kind) => client.kindOf(kind)),
    );
  }

  static async start(mesh: ObservedMesh, log: NewLines, signal: AbortSignal): Promise<Watch> {
    const watch = new Watch(mesh, log);
    await watch.cache.start(AbortSignal.any([signal, watch.stopped.signal]));
    mesh.changeLog.isObserved = true;
    watch.cache.onChange((event) => {
      // istiod writes the status of objects.
      const { metadata } = event.object;
      const isStatus = event.type === 'MODIFIED' && event.previous?.metadata.generation === metadata.generation;
      if (isStatus || watch.isOwn(event)) return;
      watch.version++;
      watch.keep(event);
    });
    const workloads = new WorkloadChanges();
    watch.unfollow = mesh.view.follow((event) => {
      if (workloads.isOwnChange(event)) watch.keep(event);
    });
    return watch;
  }

  private keep(event: CacheEvent): void {
    this.events.push({ ...event, atMs: Date.now(), source: this.sourceOf(event.object) });
  }

  stop(): void {
    // Since the last observation, nothing else has recorded what changed.
    this.recordChanges(false);
    this.mesh.changeLog.isObserved = false;
    this.unfollow();
    this.stopped.abort();
  }

  get objects(): ObservedObject[] {
    const { client } = this.mesh;
    const own = ownIds(this.mesh.rootNamespace());
    return configKinds
      .filter((kind) => client.kindOf(kind))
      .flatMap((kind) => this.cache.all(kind))
      .filter((object) => !own.has(configId(object)))
      .map((object) => ({
        object: shownObject(object),
        changedMs: changedMs(object),
        ...optional('source', this.sourceOf(object)),
      }));
  }

  /** Returns the manifests of an object, unless another program has changed it since. */
  private sourceOf(object: KubeObject): ManifestSource | undefined {
    return isOfMeshmock(object) ? this.mesh.changeLog.sourceOf(object) : undefined;
  }

  /**
   * Records what has changed since the last call: changes of meshmock, and those of other programs.
   *
   * @param isWaiting true to wait while an apply is under way, which may be reverted
   */
  recordChanges(isWaiting = true): void {
    const { changeLog } = this.mesh;
    if (isWaiting && changeLog.isHeld) return;
    const events = this.events.splice(0).filter(({ object, atMs }) => !changeLog.isReverted(object, atMs));
    const byWriter = Map.groupBy(events, writerOf);
    for (const [by, of] of byWriter) changeLog.record(by, of.map(recordedObject), 0, of[0]?.atMs);
  }

  /** Returns the requests that proxies have refused since the last call. */
  async refusals(pods: readonly ObservedPod[]): Promise<PodRefusal[]> {
    const byLog = new Map(pods.map(({ name, namespace }) => [entryName(name, namespace), `${namespace}/${name}`]));
    const parts = await this.log.next();
    const logs = parts.flatMap(({ name, content }): PodLog[] => {
      const pod = byLog.get(path.basename(name, '.proxy.log'));
      return pod === undefined || content === '' ? [] : [{ pod, content }];
    });
    const found = logs.flatMap(({ pod, content }) => parseRefusals(content).map((refused) => ({ pod, refused })));
    return this.senders.complete(found, logs);
  }

  private isOwn({ object }: CacheEvent): boolean {
    return ownIds(this.mesh.rootNamespace()).has(configId(object));
  }
}

/** Returns what made a change. Nothing says which program has deleted an object. */
function writerOf({ type, object }: CacheEvent): 'apply' | 'delete' | 'other' {
  if (type === 'DELETED') return 'delete';
  return isOfMeshmock(object) ? 'apply' : 'other';
}

function recordedObject({ type, object, previous, source: known }: TimedEvent): SourcedObject {
  const source = optional('source', known);
  switch (type) {
    case 'ADDED':
      return { change: 'created', after: object, ...source };
    case 'MODIFIED':
      return { change: 'changed', after: object, ...optional('before', previous), ...source };
    case 'DELETED':
      return { change: 'deleted', before: object, ...source };
  }
}
