import path from 'node:path';
import { ClusterNetwork } from '../cluster/cluster-network.ts';
import { ClusterView, viewKinds } from '../cluster/cluster-view.ts';
import { balanceLoads } from '../cluster/load-balancer.ts';
import { writeTokenKubeconfig } from '../control-plane/control-plane.ts';
import { InjectionScope } from '../control-plane/injection-scope.ts';
import type { ApiServer } from '../kube-api/api-server.ts';
import { KubeClient } from '../kube-api/kube-client.ts';
import { ObjectCache } from '../kube-api/object-cache.ts';
import { ChangeLog } from '../live/change-log.ts';
import { MeshObserver } from '../live/mesh-observer.ts';
import { createNodeNetwork } from '../network/node-network.ts';
import type { Entry } from '../node/entries.ts';
import { MeshNode } from '../node/mesh-node.ts';
import { serveContainerPlaces } from '../node/node-socket.ts';
import type { PodProgress } from '../node/pod-status.ts';
import { LogFiles } from '../observe/log-files.ts';
import { type ManifestSource, parseManifests } from '../resources/manifest.ts';
import type { InstalledTools } from '../tools/install-tools.ts';
import { discoverKinds, webhooksReady } from './control-plane-ready.ts';
import { Convergence } from './convergence.ts';
import { FailedFetches } from './failed-fetches.ts';
import type { FillOptions } from './fill.ts';
import { ImplicitObjects } from './implicit-objects.ts';
import { type ApplyReport, type ChangeOptions, LocalMesh } from './local-mesh.ts';
import { apiEntry, jaegerEntry, startMeshMetrics } from './local-mesh-programs.ts';
import { type IstioSettings, isIstioOperator, MeshConfiguration } from './mesh-configuration.ts';
import { OwnObjects } from './own-objects.ts';
import { startPrograms } from './start-programs.ts';
import { IstiodApi } from './sync/istiod-api.ts';

/** Options of a local mesh. */
export interface LocalMeshOptions extends ChangeOptions, FillOptions {
  readonly tools: InstalledTools;
  /** Folder for logs and files of programs. All users must be able to read it, and the caller removes it. */
  readonly folder: string;
  readonly sources: readonly ManifestSource[];
  /** A user's configuration of Istio. */
  readonly istio?: IstioSettings;
  /** Further arguments of each `meshmock serve`. */
  readonly serveArguments: readonly string[];
  /** True if each workload has an entry too, besides its Services. */
  readonly workloadEntries?: boolean;
  /** Called with the current entries whenever these change. */
  readonly onEntries: (entries: readonly Entry[]) => void;
  /** Called whenever pods become ready or come and go. */
  readonly onProgress: (progress: PodProgress) => void;
}

/**
 * Starts all programs of a mesh, and waits until every sidecar serves.
 *
 * @throws MeshmockError `usage` if a manifest is not valid or is refused
 * @throws MeshmockError `unavailable` or `timeout` if a program does not become ready
 */
export async function startLocalMesh(
  options: LocalMeshOptions,
  signal: AbortSignal,
): Promise<{ readonly mesh: LocalMesh; readonly report: ApplyReport }> {
  const startedAt = performance.now();
  const { folder, onEntries } = options;
  // A text that is not YAML is refused before anything starts.
  const given = parseManifests(options.sources);
  const objects = given.map(({ object }) => object);
  const reading = MeshConfiguration.read(options.istio ?? {}, objects, options, signal);
  // It is awaited below.
  reading.catch(() => {});
  await createNodeNetwork(signal);
  const nodeSocket = path.join(folder, 'node.sock');
  const [{ jaeger, apiServer, server, zoneFile }, configuration] = await Promise.all([
    startPrograms(options, nodeSocket, signal),
    reading,
  ]);
  const { client, view } = await connect(server, signal);
  const node = nodeFor(options, { server, client, view }, signal);
  const network = new ClusterNetwork(view, zoneFile);
  balanceLoads(view, client, signal);
  const istiod = new IstiodApi(client, new LogFiles(path.join(folder, 'logs'), '.istiod.log'));
  const implicitObjects = new ImplicitObjects(client, view, options);
  const ownObjects = new OwnObjects(client, configuration);
  const proxyLogs = new LogFiles(path.join(folder, 'logs'), '.proxy.log');
  const parts = { client, view, node, network, istiod, configuration, implicitObjects, ownObjects, proxyLogs };
  const changeLog = new ChangeLog();
  const logs = path.join(folder, 'logs');
  const observed = { client, view, node, changeLog, logs, rootNamespace: () => configuration.rootNamespace };
  const mesh = new LocalMesh(options, {
    ...parts,
    changeLog,
    observer: new MeshObserver(observed),
    server,
    injectionScope: new InjectionScope(client),
    convergence: new Convergence(parts),
    failedFetches: new FailedFetches(parts),
  });
  const pods = () => node.all.map(({ plan, address }) => ({ ...plan, address, hasProxy: plan.hasSidecar }));
  const metricsEntry = await startMeshMetrics(pods, signal);
  node.entries.onChange = (entries) => onEntries([...entries, jaegerEntry, metricsEntry, apiEntry]);
  node.onProgress = options.onProgress;
  node.onProgramExit = (name) => mesh.onProgramExit(name);
  apiServer.once('exit', () => mesh.onProgramExit('the control plane'));
  jaeger.once('exit', () => mesh.onProgramExit('Jaeger'));
  await serveContainerPlaces(nodeSocket, (...names) => node.placeOf(...names), signal);
  const withoutOperators = given.filter(({ object }) => !isIstioOperator(object));
  const manifests = await configuration.install(client, withoutOperators, signal);
  configuration.follow(client, view, signal);
  await node.start();
  await istiod.ready(signal);
  await webhooksReady(client, signal);
  const { warnings } = await configuration.inEffect(client, istiod, signal);
  await ownObjects.restore(signal);
  changeLog.keepSources(given, options.sources, options.namespace);
  const report = await mesh.applyManifests(manifests, signal);
  changeLog.isStarted = true;
  implicitObjects.follow(signal);
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

/** Connects to the API server, and reads its objects. */
async function connect(
  server: ApiServer,
  signal: AbortSignal,
): Promise<{ readonly client: KubeClient; readonly view: ClusterView }> {
  const client = new KubeClient(server);
  await discoverKinds(client, signal);
  const cache = new ObjectCache(
    client,
    viewKinds.filter((kind) => client.kindOf(kind)),
  );
  await cache.start(signal);
  return { client, view: new ClusterView(cache) };
}

function nodeFor(
  { tools, folder, serveArguments, workloadEntries = false }: LocalMeshOptions,
  { server, client, view }: { readonly server: ApiServer; readonly client: KubeClient; readonly view: ClusterView },
  signal: AbortSignal,
): MeshNode {
  const kubeconfig = (tokenFile: string): string => {
    const file = path.join(folder, 'istiod.kubeconfig');
    writeTokenKubeconfig(file, server, tokenFile);
    return file;
  };
  return new MeshNode(
    { client, view, image: { ...tools }, folder, serveArguments, kubeconfig, workloadEntries },
    signal,
  );
}
