import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { analyze } from '../analysis/analyze.ts';
import { analyzeAddresses } from '../analysis/analyze-addresses.ts';
import { type AppliedObject, type ApplyResult, applyAll } from '../apply/apply-all.ts';
import { applyObject } from '../apply/apply-object.ts';
import { deleteAll } from '../apply/delete-all.ts';
import { ClusterNetwork } from '../cluster/cluster-network.ts';
import { ClusterView, viewKinds } from '../cluster/cluster-view.ts';
import { LoadBalancer } from '../cluster/load-balancer.ts';
import {
  type ControlPlane,
  controlPlaneReady,
  startControlPlane,
  writeTokenKubeconfig,
} from '../control-plane/control-plane.ts';
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
import { routeLogFormat } from '../observe/access-log.ts';
import { waitUntilReady } from '../process/ready.ts';
import { type Manifest, type ManifestSource, parseManifests } from '../resources/manifest.ts';
import { isWorkload, type KubeObject, kubectlName } from '../resources/objects.ts';
import { withRouteNames } from '../resources/route-names.ts';
import type { InstalledTools } from '../tools/install-tools.ts';
import { ImplicitObjects } from './implicit-objects.ts';
import { apiEntry, jaegerEntry, meshJaegerReady, startMeshJaeger, startMeshMetrics } from './local-mesh-programs.ts';
import { failedWorkloads, pendingRollout } from './rollout.ts';
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
  private readonly namespace: string;
  private readonly logRoutes: boolean;
  private network: ClusterNetwork | undefined;
  /** API server of the mesh, with the certificate of an administrator. */
  readonly server: ApiServer;
  /** Called with the name of a program that ends unexpectedly. */
  onProgramExit: (name: string) => void = () => {};

  private constructor(
    { namespace, logRoutes }: LocalMeshOptions,
    parts: {
      readonly client: KubeClient;
      readonly view: ClusterView;
      readonly node: MeshNode;
      readonly implicitObjects: ImplicitObjects;
      readonly server: ApiServer;
    },
  ) {
    this.namespace = namespace;
    this.logRoutes = logRoutes;
    this.client = parts.client;
    this.view = parts.view;
    this.node = parts.node;
    this.implicitObjects = parts.implicitObjects;
    this.istiod = new IstiodApi(parts.client);
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
    const manifests = parseManifests(options.sources);
    await createNodeNetwork(signal);
    const log = path.join(folder, 'logs', 'control-plane.log');
    const kubeFolder = path.join(folder, 'control-plane');
    const { kube, data } = tools;
    const nodeSocket = path.join(folder, 'node.sock');
    const plane = startControlPlane({ kube, data, folder: kubeFolder, address: nodeAddress, nodeSocket, log }, signal);
    const startJaeger = async (): Promise<ChildProcess> => {
      const jaeger = await startMeshJaeger({ tools, folder }, signal);
      await waitUntilReady(jaeger, meshJaegerReady, signal);
      return jaeger.program;
    };
    const startApiServer = async (): Promise<ControlPlane> => {
      const { program, server } = await plane;
      const starting = { program, name: 'the control plane', log };
      await waitUntilReady(starting, (either) => controlPlaneReady(server, either), signal);
      return { program, server };
    };
    const [jaeger, { program: apiServer, server }] = await Promise.all([startJaeger(), startApiServer()]);
    mark('API server and Jaeger ready');
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
    if (options.logRoutes) await setMeshConfig(client, { accessLogFormat: routeLogFormat }, signal);
    await node.start();
    await mesh.istiodReady(signal);
    mark('istiod ready');
    await mesh.restoreMeshObjects(signal);
    mark('base objects');
    const report = await mesh.applyAll(manifests, signal);
    mark('done');
    return { mesh, report: { ...report, durationMs: performance.now() - startedAt } };
  }

  /** Creates the mesh's own objects that do not exist: at the start, and after a user deletes one of the same name. */
  private async restoreMeshObjects(signal: AbortSignal): Promise<void> {
    for (const object of meshObjects('istio-system'))
      if ((await this.client.get(object, signal)) === undefined) await applyObject(this.client, object, signal);
  }

  /** Waits until istiod answers as a webhook, and refuses what is not valid. */
  private async istiodReady(signal: AbortSignal): Promise<void> {
    await this.istiod.ready(signal);
    const webhooks = [
      { kind: 'ValidatingWebhookConfiguration', name: 'istio-validator-istio-system' },
      { kind: 'ValidatingWebhookConfiguration', name: 'istiod-default-validator' },
      { kind: 'MutatingWebhookConfiguration', name: 'istio-sidecar-injector' },
    ];
    for (const { kind, name } of webhooks)
      for (;;) {
        const object = await this.client.get<WebhookConfiguration>(
          { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name } },
          signal,
        );
        if (
          object?.webhooks.every(({ clientConfig, failurePolicy }) => clientConfig.caBundle && failurePolicy === 'Fail')
        )
          break;
        await sleep(30, undefined, { signal });
      }
  }

  /**
   * Applies manifests as `kubectl apply` does, and waits until every sidecar has the change in effect. If an object is
   * refused, a pod does not start or Envoy rejects the configuration, the change is reverted.
   *
   * @param namespace namespace of objects without one; the namespace from the start if not given
   * @throws MeshmockError with the reason for which the change was reverted
   */
  async apply(sources: readonly ManifestSource[], signal: AbortSignal, namespace?: string): Promise<ApplyReport> {
    return this.applyAll(parseManifests(sources), signal, namespace);
  }

  private async applyAll(
    manifests: readonly Manifest[],
    signal: AbortSignal,
    namespace = this.namespace,
  ): Promise<ApplyReport> {
    const startedAt = performance.now();
    const before = await this.istiod.counts(signal);
    const named = this.logRoutes
      ? manifests.map(({ object, whereIs }) => ({ object: withRouteNames(object), whereIs }))
      : manifests;
    this.view.keepOrder(named.map(({ object }) => withNamespace(object, namespace)));
    const change = await applyAll(this.client, named, { namespace }, signal);
    mark('applied');
    try {
      // New entries get their ports when all pods exist, in the order of the manifests.
      const notes = await this.node.holdEntries(() => this.settle(before, change.objects, signal));
      const warnings = [...change.warnings, ...notes, ...this.analyze(change.objects.map(({ object }) => object))];
      const plans = this.node.all.map(({ plan }) => plan);
      const workloads = change.objects.map(({ object }) => object).filter(isWorkload);
      const leftOut = [...change.leftOut, ...workloads.flatMap((one) => workloadLeftOut(one, plans))];
      return { ...reportOf(change.objects), warnings, leftOut, durationMs: performance.now() - startedAt };
    } catch (error) {
      // The first error is the one to report.
      await this.revert(change, signal).catch(() => {});
      throw error;
    }
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
    const objects = await deleteAll(this.client, parseManifests(sources), { namespace }, signal);
    await this.restoreMeshObjects(signal);
    const warnings = await this.settle(before, objects, signal);
    return { ...reportOf(objects), warnings, leftOut: [], durationMs: performance.now() - startedAt };
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
    mark('rolled out');
    const changed = objects.filter(({ change }) => change !== 'unchanged' && change !== 'not found');
    const counted = changed.filter(({ object }) => isCountedByIstiod(object));
    const pending = { before, changes: counted.length, addresses: this.node.proxyAddresses };
    const isComplete = changed.length === 0 || (await waitForSync(this.istiod, pending, signal));
    return isComplete
      ? notes
      : [...notes, 'istiod ignores some of these objects: the label istio.io/rev may name another revision'];
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
    const addressed = [...pods, { address: nodeAddress, annotations: {} }];
    return [...analyze(current, { services, pods, config }), ...analyzeAddresses(current, services, addressed)];
  }
}

/** Services are the only objects whose order matters, and they have a namespace. */
function withNamespace(object: KubeObject, namespace: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } };
}

function reportOf(objects: readonly AppliedObject[]): Pick<ApplyReport, 'objects'> {
  return { objects: objects.map(({ title, change }) => ({ title, change })) };
}

/** Reads the kinds of the API server, until it serves those of the CRDs too: it does so a moment after its start. */
async function discoverKinds(client: KubeClient, signal: AbortSignal): Promise<void> {
  const wanted = viewKinds.filter(({ kind }) => !['TCPRoute', 'TLSRoute'].includes(kind));
  for (;;) {
    await client.discover(signal);
    if (wanted.every((kind) => client.kindOf(kind) !== undefined)) return;
    await sleep(30, undefined, { signal });
  }
}

/** Sets fields of the mesh configuration, which is a text in the ConfigMap `istio`. */
async function setMeshConfig(client: KubeClient, fields: object, signal: AbortSignal): Promise<void> {
  const metadata = { name: 'istio', namespace: 'istio-system' };
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
  const object = await client.get<KubeObject & { data?: { mesh?: string } }>(ref, signal);
  const config = { ...(parse(object?.data?.mesh ?? '') as object | null), ...fields };
  await client.patch(ref, { data: { mesh: stringify(config) } }, 'merge', {}, signal);
}

interface WebhookConfiguration extends KubeObject {
  webhooks: { clientConfig: { caBundle?: string }; failurePolicy?: string }[];
}

const t0 = performance.now();
function mark(text: string): void {
  if (process.env.MESHMOCK_TRACE_START) process.stderr.write(`${(performance.now() - t0).toFixed(0)} ms ${text}\n`);
}
