import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { analyze } from '../analysis/analyze.ts';
import { analyzeAddresses } from '../analysis/analyze-addresses.ts';
import { type AppliedObject, type ApplyResult, applyAll } from '../apply/apply-all.ts';
import { applyObject } from '../apply/apply-object.ts';
import { deleteAll } from '../apply/delete-all.ts';
import { ClusterNetwork } from '../cluster/cluster-network.ts';
import { ClusterView, viewKinds } from '../cluster/cluster-view.ts';
import { LoadBalancer } from '../cluster/load-balancer.ts';
import { writeTokenKubeconfig } from '../control-plane/control-plane.ts';
import { meshObjects } from '../control-plane/mesh-objects.ts';
import type { ApiServer } from '../kube-api/api-server.ts';
import { KubeClient } from '../kube-api/kube-client.ts';
import { ObjectCache } from '../kube-api/object-cache.ts';
import { nodeAddress } from '../network/addresses.ts';
import { createNodeNetwork } from '../network/node-network.ts';
import type { Entry } from '../node/entries.ts';
import { MeshNode } from '../node/mesh-node.ts';
import { serveContainerPlaces } from '../node/node-socket.ts';
import type { MeshObjects } from '../node/pod-status.ts';
import { workloadLeftOut } from '../node/workload-left-out.ts';
import { LogFiles } from '../observe/log-files.ts';
import { type Manifest, type ManifestSource, parseManifests } from '../resources/manifest.ts';
import { isWorkload, type KubeObject, kubectlName } from '../resources/objects.ts';
import { withRouteNames } from '../resources/route-names.ts';
import type { InstalledTools } from '../tools/install-tools.ts';
import { discoverKinds, webhooksReady } from './control-plane-ready.ts';
import { failedModules } from './fetched-modules.ts';
import { ImplicitObjects } from './implicit-objects.ts';
import { KeyFetches, type KeyFetchStart } from './key-fetches.ts';
import { apiEntry, jaegerEntry, startMeshMetrics } from './local-mesh-programs.ts';
import { type IstioSettings, isIstioOperator, isMeshConfigMap, MeshConfiguration } from './mesh-configuration.ts';
import { reduceReplicas } from './reduce-replicas.ts';
import { failedWorkloads, pendingRollout } from './rollout.ts';
import { startPrograms } from './start-programs.ts';
import { IstiodApi, type IstiodCounts, isCountedByIstiod, waitForSync } from './wait-for-sync.ts';

export interface LocalMeshOptions {
  readonly tools: InstalledTools;
  /** Folder for logs and files of programs. All users must be able to read it, and the caller removes it. */
  readonly folder: string;
  readonly sources: readonly ManifestSource[];
  /** Namespace of objects without one. */
  readonly namespace: string;
  /** True to add a mock for every destination that has no workload. */
  readonly fill: boolean;
  /** A user's configuration of Istio. */
  readonly istio?: IstioSettings;
  /** Maximum number of replicas of each workload; undefined for as many as the manifests say, if they fit. */
  readonly maxReplicas?: number;
  /** True to give each route a name and to log the route of each request, for coverage. */
  readonly logRoutes: boolean;
  /** Further arguments of each `meshmock serve`. */
  readonly serveArguments: readonly string[];
  /** Called with the current entries whenever these change. */
  readonly onEntries: (entries: readonly Entry[]) => void;
}

/** Result of a start, an `apply` or a `delete`. */
export interface ApplyReport {
  readonly objects: readonly Omit<AppliedObject, 'object'>[];
  readonly warnings: readonly string[];
  /** Parts of the manifests that the local mesh does not run, each as a line of text. */
  readonly leftOut: readonly string[];
  /** Time until every sidecar had the change in effect, in milliseconds. */
  readonly durationMs: number;
}

/** Local mesh: the control plane, Jaeger and the node with its pods, in the namespaces of this process. */
export class LocalMesh {
  readonly node: MeshNode;
  private readonly client: KubeClient;
  private readonly view: ClusterView;
  private readonly implicitObjects: ImplicitObjects;
  private readonly istiod: IstiodApi;
  private readonly keys: KeyFetches;
  private readonly istiodLogs: LogFiles;
  private readonly proxyLogs: LogFiles;
  private readonly namespace: string;
  private readonly logRoutes: boolean;
  private readonly maxReplicas: number | undefined;
  private readonly configuration: MeshConfiguration;
  private network: ClusterNetwork | undefined;
  /** Namespace of the local mesh's own objects. */
  private ownNamespace: string | undefined;
  /** API server of the mesh, with the certificate of an administrator. */
  readonly server: ApiServer;
  /** Called with the name of a program that ends unexpectedly. */
  onProgramExit: (name: string) => void = () => {};

  private constructor(
    { namespace, logRoutes, maxReplicas, folder }: LocalMeshOptions,
    parts: {
      readonly client: KubeClient;
      readonly view: ClusterView;
      readonly node: MeshNode;
      readonly implicitObjects: ImplicitObjects;
      readonly server: ApiServer;
      readonly configuration: MeshConfiguration;
    },
  ) {
    this.maxReplicas = maxReplicas;
    this.configuration = parts.configuration;
    this.namespace = namespace;
    this.logRoutes = logRoutes;
    this.client = parts.client;
    this.view = parts.view;
    this.node = parts.node;
    this.implicitObjects = parts.implicitObjects;
    this.istiod = new IstiodApi(parts.client);
    this.istiodLogs = new LogFiles(path.join(folder, 'logs'), '.istiod.log');
    this.proxyLogs = new LogFiles(path.join(folder, 'logs'), '.proxy.log');
    this.keys = new KeyFetches(this.istiod, this.istiodLogs);
    this.server = parts.server;
  }

  /**
   * Starts all programs of a mesh, and waits until every sidecar serves.
   *
   * @throws MeshmockError `usage` if a manifest is not valid or is refused
   * @throws MeshmockError `unavailable` or `timeout` if a program does not become ready
   */
  static async start(
    options: LocalMeshOptions,
    signal: AbortSignal,
  ): Promise<{ mesh: LocalMesh; report: ApplyReport }> {
    const startedAt = performance.now();
    const { tools, folder } = options;
    // A text that is not YAML is refused before anything starts.
    const given = parseManifests(options.sources);
    const operators = given.map(({ object }) => object).filter(isIstioOperator);
    const reading = MeshConfiguration.read(options.istio ?? {}, operators, options, signal);
    // It is awaited below.
    reading.catch(() => {});
    await createNodeNetwork(signal);
    const nodeSocket = path.join(folder, 'node.sock');
    const [{ jaeger, apiServer, server }, configuration] = await Promise.all([
      startPrograms(options, nodeSocket, signal),
      reading,
    ]);
    const client = new KubeClient(server);
    await discoverKinds(client, signal);
    const cache = new ObjectCache(
      client,
      viewKinds.filter((kind) => client.kindOf(kind)),
    );
    await cache.start(signal);
    const view = new ClusterView(cache);
    const node = new MeshNode(
      {
        client,
        view,
        image: { ...tools },
        folder,
        serveArguments: options.serveArguments,
        kubeconfig: (tokenFile) => {
          const file = path.join(folder, 'istiod.kubeconfig');
          writeTokenKubeconfig(file, server, tokenFile);
          return file;
        },
      },
      signal,
    );
    const mesh = new LocalMesh(options, {
      client,
      view,
      node,
      implicitObjects: new ImplicitObjects(client, view, options.fill),
      server,
      configuration,
    });
    const metricsEntry = await startMeshMetrics(
      () => node.all.map(({ plan, address }) => ({ ...plan, address, hasProxy: plan.hasSidecar })),
      signal,
    );
    node.onEntries = (entries) => options.onEntries([...entries, jaegerEntry, metricsEntry, apiEntry]);
    node.onProgramExit = (name) => mesh.onProgramExit(name);
    for (const [name, program] of [
      ['the control plane', apiServer],
      ['Jaeger', jaeger],
    ] as const)
      program.once('exit', () => mesh.onProgramExit(name));
    mesh.network = await ClusterNetwork.start(view, signal);
    LoadBalancer.start(view, client, signal);
    await serveContainerPlaces(nodeSocket, (...names) => node.placeOf(...names), signal);
    const withoutOperators = given.filter(({ object }) => !isIstioOperator(object));
    const manifests = await configuration.install(client, withoutOperators, signal);
    configuration.follow(client, view, signal);
    await node.start();
    await mesh.istiod.ready(signal);
    await webhooksReady(client, signal);
    const { warnings } = await configuration.inEffect(client, mesh.istiod, mesh.istiodLogs, signal);
    await mesh.restoreMeshObjects(signal);
    const report = await mesh.applyAll(manifests, signal);
    return {
      mesh,
      report: {
        ...report,
        warnings: [...warnings, ...report.warnings],
        leftOut: [...configuration.notes, ...report.leftOut],
        durationMs: performance.now() - startedAt,
      },
    };
  }

  /**
   * Creates the mesh's own objects that do not exist in the root namespace: at the start, after a user deletes one of the
   * same name, and after the mesh configuration names another namespace.
   */
  private async restoreMeshObjects(signal: AbortSignal): Promise<void> {
    const { client, configuration, ownNamespace } = this;
    const { rootNamespace } = configuration;
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: rootNamespace } };
    const isMissing = async (object: KubeObject): Promise<boolean> => (await client.get(object, signal)) === undefined;
    if (await isMissing(namespace)) await client.create(namespace, {}, signal);
    for (const object of meshObjects(rootNamespace))
      if (await isMissing(object)) await applyObject(client, object, signal);
    const isFormer = ownNamespace !== undefined && ownNamespace !== rootNamespace;
    for (const object of isFormer ? meshObjects(ownNamespace) : []) await client.delete(object, {}, signal);
    this.ownNamespace = rootNamespace;
  }

  /**
   * Applies manifests as `kubectl apply` does, and waits until every sidecar has the change in effect. If an object is
   * refused, a pod does not start or Envoy rejects the configuration, the change is reverted.
   *
   * @param namespace namespace of objects without one; the namespace from the start if not given
   * @throws MeshmockError with the reason for which the change was reverted
   */
  async apply(sources: readonly ManifestSource[], signal: AbortSignal, namespace?: string): Promise<ApplyReport> {
    const given = parseManifests(sources);
    const manifests = given.filter(({ object }) => !isIstioOperator(object));
    const report = await this.applyAll(this.configuration.complete(manifests), signal, namespace);
    const operators = given.map(({ object }) => object).filter(isIstioOperator);
    const notes = operators.map((one) => `${kubectlName(one)}: it has an effect only at the start of a local mesh`);
    return { ...report, leftOut: [...notes, ...report.leftOut] };
  }

  /** Applies manifests. New entries get their ports when all pods exist, in the order of the manifests. */
  private applyAll(manifests: readonly Manifest[], signal: AbortSignal, namespace?: string): Promise<ApplyReport> {
    return this.node.holdEntries(() => this.applyInEffect(manifests, signal, namespace));
  }

  private async applyInEffect(
    manifests: readonly Manifest[],
    signal: AbortSignal,
    namespace = this.namespace,
  ): Promise<ApplyReport> {
    const startedAt = performance.now();
    const before = await this.istiod.counts(signal);
    const { node, maxReplicas } = this;
    const running = node.all.map(({ plan }) => plan);
    const reduced = reduceReplicas(manifests, { maxReplicas, maxPods: node.maxPods - istiodPods, running });
    const named = this.logRoutes
      ? reduced.manifests.map(({ object, whereIs }) => ({ object: withRouteNames(object), whereIs }))
      : reduced.manifests;
    this.view.keepOrder(named.map(({ object }) => withNamespace(object, namespace)));
    const start = {
      keys: { logs: this.istiodLogs.lengths(), fetchedKeys: before.fetchedKeys },
      proxies: this.proxyLogs.lengths(),
    };
    const change = await applyAll(this.client, named, { namespace }, signal);
    try {
      const notes = await this.settle(before, change.objects, signal);
      const objects = change.objects.map(({ object }) => object);
      const failedFetches = [
        ...(await this.failedKeys(change.objects, start.keys, signal)),
        ...(await failedModules(change.objects, this.proxyLogs, start.proxies)),
      ];
      const warnings = [...change.warnings, ...notes, ...this.analyze(objects), ...failedFetches];
      const plans = this.node.all.map(({ plan }) => plan);
      const workloads = change.objects.map(({ object }) => object).filter(isWorkload);
      const leftOut = [
        ...reduced.leftOut,
        ...change.leftOut,
        ...workloads.flatMap((one) => workloadLeftOut(one, plans)),
      ];
      return { ...reportOf(change.objects), warnings, leftOut, durationMs: performance.now() - startedAt };
    } catch (error) {
      // The first error is the one to report.
      await this.revert(change, signal).catch(() => {});
      throw error;
    }
  }

  /** Waits until istiod has fetched keys for tokens, and returns a line for each that it cannot fetch. */
  private async failedKeys(
    objects: readonly AppliedObject[],
    start: KeyFetchStart,
    signal: AbortSignal,
  ): Promise<string[]> {
    const { istiod, keys, node } = this;
    const pods = node.all.map(({ plan }) => plan);
    const { rootNamespace } = this.configuration;
    const before = await istiod.counts(signal);
    const failures = await keys.failures(objects, pods, { start, rootNamespace }, signal);
    // A key that came late has been pushed since.
    const isLate = (await istiod.counts(signal)).fetchedKeys > before.fetchedKeys;
    if (isLate)
      await waitForSync(istiod, { before, changes: 0, hasOtherPush: true, addresses: node.proxyAddresses }, signal);
    return failures;
  }

  private async revert(change: ApplyResult, signal: AbortSignal): Promise<void> {
    const before = await this.istiod.counts(signal);
    await change.revert();
    await this.view.waitUntil(() => change.objects.every((one) => this.view.hasSeenRevert(one)), signal);
    await this.settleChanges(before, change.objects, signal);
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
    namespace = this.namespace,
  ): Promise<ApplyReport> {
    const startedAt = performance.now();
    const before = await this.istiod.counts(signal);
    const manifests = parseManifests(sources);
    const hasConfig = manifests.some(({ object }) => isMeshConfigMap(object));
    const others = manifests.filter(({ object }) => !isMeshConfigMap(object) && !isIstioOperator(object));
    const deleted = await deleteAll(this.client, others, { namespace }, signal);
    await this.restoreMeshObjects(signal);
    // istiod cannot work without a mesh configuration.
    const restored = hasConfig
      ? await applyAll(this.client, [this.configuration.original()], { namespace }, signal)
      : undefined;
    const objects = [...deleted, ...(restored?.objects ?? [])];
    const warnings = await this.settle(before, objects, signal);
    const leftOut = hasConfig ? ['configmap/istio: the mesh configuration is that of the start again'] : [];
    return { ...reportOf(objects), warnings, leftOut, durationMs: performance.now() - startedAt };
  }

  /** Services and pods of the mesh, as they are in the API. */
  get objects(): MeshObjects {
    return { services: this.view.services, pods: this.view.pods };
  }

  /**
   * Waits until a change is in effect: pods run, endpoints are known, and proxies have their configuration.
   *
   * @returns warnings
   */
  private async settle(
    before: IstiodCounts,
    objects: readonly AppliedObject[],
    signal: AbortSignal,
  ): Promise<string[]> {
    const { view } = this;
    await view.waitUntil(() => objects.every((one) => view.hasSeen(one)), signal);
    return this.settleChanges(before, objects, signal);
  }

  private async settleChanges(
    before: IstiodCounts,
    objects: readonly AppliedObject[],
    signal: AbortSignal,
  ): Promise<string[]> {
    const notes = await this.implicitObjects.update(signal);
    await this.rolledOut(signal);
    await this.network?.update(signal);
    const changed = objects.filter(({ change }) => change !== 'unchanged' && change !== 'not found');
    const counted = changed.filter(({ object }) => isCountedByIstiod(object));
    const config = changed.some(({ object }) => isMeshConfigMap(object))
      ? await this.configuration.inEffect(this.client, this.istiod, this.istiodLogs, signal)
      : { isChanged: false, warnings: [] };
    if (this.configuration.rootNamespace !== this.ownNamespace) await this.restoreMeshObjects(signal);
    const pending = {
      before,
      changes: counted.length,
      hasOtherPush: config.isChanged,
      addresses: this.node.proxyAddresses,
    };
    const isComplete = changed.length === 0 || (await waitForSync(this.istiod, pending, signal));
    const all = [...notes, ...config.warnings];
    return isComplete
      ? all
      : [...all, 'istiod ignores some of these objects: the label istio.io/rev may name another revision'];
  }

  /** Waits until the pods of all workloads are ready, and endpoints and gateways are current. */
  private async rolledOut(signal: AbortSignal): Promise<void> {
    const { view, node } = this;
    const pending = (): string[] => {
      const { workloads, pods, services, slices, apiGateways: gateways } = view;
      return [
        ...pendingRollout({ workloads, pods, services, slices, gateways }),
        ...(node.isSettled ? [] : ['pods are not ready']),
      ];
    };
    const failures = (): string[] => [...node.capacityProblem(), ...failedWorkloads(view.workloads), ...node.problems];
    await view.waitUntil(() => failures().length > 0 || pending().length === 0, signal);
    const [failure] = failures();
    if (failure !== undefined) throw new MeshmockError('unavailable', failure);
  }

  private analyze(objects: readonly KubeObject[]): string[] {
    const config = this.view.config(['ServiceEntry', 'DestinationRule', 'Gateway']);
    const { services } = this.view;
    const pods = this.node.all.map(({ plan, address }) => ({ ...plan, address }));
    // If two objects have the same name, the later one is in effect.
    const last = new Map(objects.map((object) => [`${kubectlName(object)} ${object.metadata.namespace}`, object]));
    const current = [...last.values()];
    const { rootNamespace, providers } = this.configuration;
    const context = { services, pods, config, rootNamespace, providers };
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

/** Pods of istiod, which need memory too. */
const istiodPods = 1;
