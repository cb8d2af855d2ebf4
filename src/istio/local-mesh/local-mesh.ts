import { analyze } from '../analysis/analyze.ts';
import { analyzeAddresses } from '../analysis/analyze-addresses.ts';
import { type AppliedObject, type ApplyResult, applyAll } from '../apply/apply-all.ts';
import { deleteAll } from '../apply/delete-all.ts';
import type { ClusterView } from '../cluster/cluster-view.ts';
import type { InjectionScope } from '../control-plane/injection-scope.ts';
import type { ApiServer } from '../kube-api/api-server.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import type { ChangeLog } from '../live/change-log.ts';
import type { MeshObserver } from '../live/mesh-observer.ts';
import type { Observation, ObserveRequest } from '../live/observation.ts';
import { nodeAddress } from '../network/addresses.ts';
import type { MeshNode } from '../node/mesh-node.ts';
import type { MeshObjects, ReadinessChange } from '../node/pod-status.ts';
import { failsProbe } from '../node/pod-status-object.ts';
import { workloadLeftOut } from '../node/workload-left-out.ts';
import { type Manifest, type ManifestSource, parseManifests } from '../resources/manifest.ts';
import { isWorkload, type KubeObject, kubectlName, type Pod } from '../resources/objects.ts';
import { withRouteNames } from '../resources/route-names.ts';
import type { Convergence } from './convergence.ts';
import type { FailedFetches } from './failed-fetches.ts';
import { isIstioOperator, isMeshConfigMap, type MeshConfiguration } from './mesh-configuration.ts';
import type { OwnObjects } from './own-objects.ts';
import { reduceReplicas } from './reduce-replicas.ts';
import type { IstiodApi } from './sync/istiod-api.ts';

/** Options of each change of a local mesh. */
export interface ChangeOptions {
  /** Namespace of objects without one. */
  readonly namespace: string;
  /** Maximum number of replicas of each workload; undefined for as many as the manifests say, if they fit. */
  readonly maxReplicas?: number;
  /** True to give each route a name and to log the route of each request, for coverage. */
  readonly logRoutes: boolean;
}

/** Options of an `apply`. */
export interface ApplyOptions {
  /** Manifests whose objects are deleted before. The wait for the effect is the same for both. */
  readonly removed?: readonly ManifestSource[];
  /** Namespace of objects without one; the namespace from the start if not given. */
  readonly namespace?: string;
}

/** Result of a start, an `apply`, a `delete` or a wait. */
export interface ApplyReport {
  readonly objects: readonly Omit<AppliedObject, 'object'>[];
  readonly warnings: readonly string[];
  /** Parts of the manifests that the local mesh does not run, each as a line of text. */
  readonly leftOut: readonly string[];
  /** Time until every sidecar had the change in effect, in milliseconds. */
  readonly durationMs: number;
}

/** Parts of a running local mesh. */
export interface LocalMeshParts {
  readonly client: KubeClient;
  readonly view: ClusterView;
  readonly node: MeshNode;
  readonly istiod: IstiodApi;
  readonly server: ApiServer;
  readonly configuration: MeshConfiguration;
  readonly injectionScope: InjectionScope;
  readonly ownObjects: OwnObjects;
  readonly convergence: Convergence;
  readonly failedFetches: FailedFetches;
  readonly changeLog: ChangeLog;
  readonly observer: MeshObserver;
}

/** Local mesh: the control plane, Jaeger and the node with its pods, in the namespaces of this process. */
export class LocalMesh {
  private readonly options: ChangeOptions;
  private readonly parts: LocalMeshParts;
  /** Called with the name of a program that ends unexpectedly. */
  onProgramExit: (name: string) => void = () => {};

  constructor(options: ChangeOptions, parts: LocalMeshParts) {
    this.options = options;
    this.parts = parts;
  }

  get node(): MeshNode {
    return this.parts.node;
  }

  /** API server of the mesh, with the certificate of an administrator. */
  get server(): ApiServer {
    return this.parts.server;
  }

  /**
   * Applies manifests as `kubectl apply` does, and waits until every sidecar has the change in effect. If an object is
   * refused, a pod does not start or Envoy rejects the configuration, the change is reverted.
   *
   * @throws MeshmockError with the reason for which the change was reverted; removed objects stay removed
   */
  async apply(
    sources: readonly ManifestSource[],
    signal: AbortSignal,
    options: ApplyOptions = {},
  ): Promise<ApplyReport> {
    const given = parseManifests(sources);
    const manifests = given.filter(({ object }) => !isIstioOperator(object));
    this.parts.changeLog.keepSources(given, sources, options.namespace ?? this.options.namespace);
    const report = await this.applyManifests(this.parts.configuration.complete(manifests), signal, options);
    const operators = given.map(({ object }) => object).filter(isIstioOperator);
    const notes = operators.map((one) => `${kubectlName(one)}: it has an effect only at the start of a local mesh`);
    return { ...report, leftOut: [...notes, ...report.leftOut] };
  }

  /**
   * Lets the readiness probes of a service's mocks succeed or fail, and waits until no proxy routes to pods that are not ready.
   *
   * @throws MeshmockError `usage` if no mock has the name
   */
  async setReadiness(change: ReadinessChange, signal: AbortSignal): Promise<void> {
    const { node, view, convergence } = this.parts;
    const uids = new Set(node.setReadiness(change));
    const isWritten = (pod: Pod): boolean => !uids.has(pod.metadata.uid ?? '') || failsProbe(pod) !== change.isReady;
    await view.waitUntil(() => view.pods.every(isWritten), signal);
    await convergence.ofEverything(signal);
  }

  /**
   * Applies manifests, without those that only istioctl takes. New entries get their ports when all pods exist, in the
   * order of the manifests.
   */
  applyManifests(
    manifests: readonly Manifest[],
    signal: AbortSignal,
    options: ApplyOptions = {},
  ): Promise<ApplyReport> {
    const { changeLog } = this.parts;
    return this.node.entries.hold(() =>
      changeLog.whileApplying((onRevert) => this.applyInEffect(manifests, options, onRevert, signal)),
    );
  }

  private async applyInEffect(
    manifests: readonly Manifest[],
    { removed = [], namespace = this.options.namespace }: ApplyOptions,
    onRevert: (objects: ApplyResult['objects'], reason: string) => void,
    signal: AbortSignal,
  ): Promise<ApplyReport> {
    const startedAt = performance.now();
    const { client, view, node, istiod, injectionScope, convergence, failedFetches } = this.parts;
    const { maxReplicas, logRoutes } = this.options;
    const before = await istiod.counts(signal);
    const running = [istiodPod, ...node.all.map(({ plan }) => plan)];
    const reduced = reduceReplicas(manifests, { maxReplicas, limit: node.limit, running });
    const named = logRoutes
      ? reduced.manifests.map(({ object, whereIs }) => ({ object: withRouteNames(object), whereIs }))
      : reduced.manifests;
    view.keepOrder(named.map(({ object }) => withNamespace(object, namespace)));
    const fetchStart = failedFetches.before(before);
    const excluded = await injectionScope.exclude(
      named.map(({ object }) => object),
      signal,
    );
    const deleted = await this.deleteObjects(parseManifests(removed), namespace, signal);
    const change = await applyAll(client, named, { namespace }, signal);
    const { changeLog } = this.parts;
    const isRecorded = changeLog.isObserved;
    try {
      const notes = await convergence.afterChange(before, [...deleted, ...change.objects], signal);
      changeLog.recordApplied('delete', deleted, isRecorded);
      changeLog.recordApplied('apply', change.objects, isRecorded);
      const objects = change.objects.map(({ object }) => object);
      const failures = await failedFetches.after(fetchStart, change.objects, signal);
      const warnings = [...change.warnings, ...notes, ...this.analyze(objects), ...failures];
      const plans = node.all.map(({ plan }) => plan);
      const parts = objects.filter(isWorkload).flatMap((one) => workloadLeftOut(one, plans));
      const leftOut = [...reduced.leftOut, ...excluded, ...change.leftOut, ...parts];
      return { ...reportOf(change.objects), warnings, leftOut, durationMs: performance.now() - startedAt };
    } catch (error) {
      // The first error is the one to report.
      await this.revert(change, signal).then(
        () => onRevert(change.objects, (error as Error).message),
        () => {},
      );
      throw error;
    }
  }

  private async revert(change: ApplyResult, signal: AbortSignal): Promise<void> {
    const { istiod, convergence } = this.parts;
    const before = await istiod.counts(signal);
    await change.revert();
    await convergence.afterRevert(before, change.objects, signal);
  }

  /**
   * Deletes objects as `kubectl delete --ignore-not-found` does, and waits until no sidecar uses them.
   *
   * @param namespace namespace of objects without one; the namespace from the start if not given
   * @throws MeshmockError `usage` if a manifest is not valid
   */
  async delete(
    sources: readonly ManifestSource[],
    signal: AbortSignal,
    namespace = this.options.namespace,
  ): Promise<ApplyReport> {
    const startedAt = performance.now();
    const { istiod, convergence, changeLog } = this.parts;
    const before = await istiod.counts(signal);
    const manifests = parseManifests(sources);
    const objects = await this.deleteObjects(manifests, namespace, signal);
    const isRecorded = changeLog.isObserved;
    const warnings = await convergence.afterChange(before, objects, signal);
    changeLog.recordApplied('delete', objects, isRecorded);
    const leftOut = manifests.some(({ object }) => isMeshConfigMap(object))
      ? ['configmap/istio: the mesh configuration is that of the start again']
      : [];
    return { ...reportOf(objects), warnings, leftOut, durationMs: performance.now() - startedAt };
  }

  /** Deletes objects, without a wait for the effect. A deleted mesh configuration becomes that of the start again. */
  private async deleteObjects(
    manifests: readonly Manifest[],
    namespace: string,
    signal: AbortSignal,
  ): Promise<readonly AppliedObject[]> {
    if (manifests.length === 0) return [];
    const { client, configuration, ownObjects } = this.parts;
    const others = manifests.filter(({ object }) => !isMeshConfigMap(object) && !isIstioOperator(object));
    const deleted = await deleteAll(client, others, { namespace }, signal);
    await ownObjects.restore(signal);
    if (!manifests.some(({ object }) => isMeshConfigMap(object))) return deleted;
    // istiod cannot work without a mesh configuration.
    const restored = await applyAll(client, [configuration.original()], { namespace }, signal);
    return [...deleted, ...restored.objects];
  }

  /**
   * Waits until every sidecar has in effect what any program, such as kubectl, has applied or deleted so far.
   *
   * @throws MeshmockError with the reason for which it is not in effect; nothing is reverted
   */
  async inEffect(signal: AbortSignal): Promise<ApplyReport> {
    const startedAt = performance.now();
    const { convergence, failedFetches } = this.parts;
    const notes = await convergence.ofEverything(signal);
    const failures = await failedFetches.ofEverything(signal);
    const durationMs = performance.now() - startedAt;
    return { objects: [], warnings: [...notes, ...failures], leftOut: [], durationMs };
  }

  /** Services, their endpoints and the pods of the mesh, as they are in the API. */
  get objects(): MeshObjects {
    const { services, slices, pods } = this.parts.view;
    return { services, slices, pods };
  }

  /** Returns the state of the mesh for its page, and what is new since the last call. */
  observe(request: ObserveRequest, signal: AbortSignal): Promise<Observation> {
    return this.parts.observer.observe(request, signal);
  }

  private analyze(objects: readonly KubeObject[]): string[] {
    const { view, node, configuration } = this.parts;
    const config = view.config(['ServiceEntry', 'DestinationRule', 'Gateway']);
    const { services } = view;
    const pods = node.all.map(({ plan, address }) => ({ ...plan, address }));
    // If two objects have the same name, the later one is in effect.
    const last = new Map(objects.map((object) => [`${kubectlName(object)} ${object.metadata.namespace}`, object]));
    const current = [...last.values()];
    const { rootNamespace, providers } = configuration;
    const context = { services, pods, config, rootNamespace, providers, ingress: view.ingressContext };
    const addressed = [...pods, { address: nodeAddress, annotations: {} }];
    return [...analyze(current, context), ...analyzeAddresses(current, services, addressed)];
  }
}

/** Services are the only objects whose order matters, and they have a namespace. */
function withNamespace(object: KubeObject, namespace: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } };
}

function reportOf(objects: readonly AppliedObject[]): Pick<ApplyReport, 'objects'> {
  return { objects: objects.map(({ title, change }) => ({ title, change })) };
}

/** Pod that counts although the node does not list it. */
const istiodPod = { namespace: 'istio-system', workload: 'istiod' };
