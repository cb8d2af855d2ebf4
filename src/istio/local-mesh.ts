import { readFileSync } from 'node:fs';
import path from 'node:path';
import { admitAll } from './admission.ts';
import { Kinds } from './api/kinds.ts';
import { Schemas } from './api/schemas.ts';
import { Store } from './api/store.ts';
import { createAuthority } from './certificates.ts';
import { type AppliedObject, type CheckedObject, checkManifests } from './check-manifests.ts';
import { ClusterView } from './cluster-view.ts';
import { istiodReady } from './control-plane.ts';
import { readCrds } from './crds.ts';
import { establishedCrd, withDefaults } from './defaults.ts';
import { startDns } from './dns.ts';
import type { Entry } from './entries.ts';
import { ImplicitObjects } from './implicit-objects.ts';
import {
  jaegerEntry,
  meshJaegerReady,
  startMeshIstiod,
  startMeshJaeger,
  startMeshMetrics,
} from './local-mesh-programs.ts';
import { type ManifestSource, parseManifests } from './manifest.ts';
import { addressesOf } from './names.ts';
import { Addresses, createBridge } from './network.ts';
import { PodController } from './pod-controller.ts';
import { type StartingProgram, waitUntilReady } from './ready.ts';
import { withRouteNames } from './route-names.ts';
import type { InstalledTools } from './tools.ts';
import { isCountedByIstiod, istiodCounts, waitForSync } from './wait-for-sync.ts';

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
  readonly objects: readonly AppliedObject[];
  readonly warnings: readonly string[];
  /** Parts of the manifests that the local mesh does not run, each as a line of text. */
  readonly leftOut: readonly string[];
  /** Time until every sidecar had the change in effect, in milliseconds. */
  readonly durationMs: number;
}

/** Local mesh: the API, istiod, Jaeger and the pods, in the namespaces of this process. */
export class LocalMesh {
  readonly pods: PodController;
  private readonly kinds: Kinds;
  private readonly schemas: Schemas;
  private readonly store: Store;
  private readonly addresses: Addresses;
  private readonly namespace: string;
  private readonly logRoutes: boolean;

  private constructor(
    { namespace, logRoutes }: LocalMeshOptions,
    parts: { readonly kinds: Kinds; readonly schemas: Schemas; readonly store: Store },
    addresses: Addresses,
    pods: PodController,
  ) {
    this.namespace = namespace;
    this.logRoutes = logRoutes;
    this.kinds = parts.kinds;
    this.schemas = parts.schemas;
    this.store = parts.store;
    this.addresses = addresses;
    this.pods = pods;
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
    const authorityFolder = path.join(folder, 'authority');
    const [crds, rootCertificate] = await Promise.all([
      readCrds(tools.crds),
      createAuthority(authorityFolder, signal),
      createBridge(signal),
    ]);
    const kinds = new Kinds(crds);
    const definitions = JSON.parse(readFileSync(path.join(tools.kubernetes, '_definitions.json'), 'utf8'));
    const store = new Store();
    const addresses = new Addresses();
    const view = new ClusterView(store, kinds);
    const implicitObjects = new ImplicitObjects(view, addresses, options.fill);
    const context = { tools, folder, rootCertificate, serveArguments: options.serveArguments, view };
    const pods = new PodController(context, view, addresses, implicitObjects);
    const metricsEntry = await startMeshMetrics(
      () => pods.all.map(({ plan, address }) => ({ ...plan, address, hasProxy: plan.hasSidecar })),
      signal,
    );
    pods.onEntries = (entries) => options.onEntries([...entries, jaegerEntry, metricsEntry]);
    const mesh = new LocalMesh(options, { kinds, schemas: new Schemas(crds, definitions), store }, addresses, pods);
    const { checked, leftOut } = mesh.check(options.sources);
    for (const crd of crds.map(establishedCrd)) store.put(view.kindOf(crd), crd);
    pods.checkCount(checked.map(({ object }) => object));
    const objects = checked.map((one) => mesh.putChecked(one));
    await startDns((name) => addressesOf(name, view.services, pods.all));
    const { logRoutes } = options;
    // Programs are watched from their start: otherwise the end of one that ends at once would be missed.
    const watch = (starting: StartingProgram): StartingProgram => {
      pods.watch(starting.name, starting.program);
      return starting;
    };
    const [istiod] = await Promise.all([
      startMeshIstiod({ tools, folder, authorityFolder, logRoutes }, { store, kinds }, signal).then(watch),
      startMeshJaeger({ tools, folder }, signal)
        .then(watch)
        .then((jaeger) => waitUntilReady(jaeger, meshJaegerReady, signal)),
    ]);
    const warnings: string[] = [];
    const changes = await pods.reconcile(signal, async () => {
      await waitUntilReady(istiod, istiodReady, signal);
      warnings.push(...(await admitAll(checked, signal)));
    });
    const before = await istiodCounts(signal);
    await waitForSync({ before, changes: 0, addresses: pods.proxyAddresses }, signal);
    warnings.push(...pods.analyze(checked.map(({ object }) => object)));
    const durationMs = performance.now() - startedAt;
    return { mesh, report: { objects, warnings, leftOut: [...leftOut, ...changes.leftOut], durationMs } };
  }

  /**
   * Applies manifests as `kubectl apply` does, and waits until every sidecar has the change in effect. If an object is
   * refused, a pod does not start or Envoy rejects the configuration, the change is reverted.
   *
   * @param namespace namespace of objects without one; the namespace from the start if not given
   * @throws MeshmockError with the reason for which the change was reverted
   */
  async apply(sources: readonly ManifestSource[], signal: AbortSignal, namespace?: string): Promise<ApplyReport> {
    const { checked, leftOut } = this.check(sources, namespace);
    this.pods.checkCount(checked.map(({ object }) => object));
    const warnings = await admitAll(checked, signal);
    const report = await this.changeOrRevert(checked, signal);
    return {
      ...report,
      warnings: [...warnings, ...report.warnings, ...this.pods.analyze(checked.map(({ object }) => object))],
      leftOut: [...leftOut, ...report.leftOut],
    };
  }

  /**
   * Deletes objects as `kubectl delete --ignore-not-found` does, and waits until no sidecar uses them.
   *
   * @param namespace namespace of objects without one; the namespace from the start if not given
   * @throws MeshmockError `usage` if a manifest is not valid
   */
  async delete(sources: readonly ManifestSource[], signal: AbortSignal, namespace?: string): Promise<ApplyReport> {
    const { checked } = this.check(sources, namespace);
    const removeAll = (): AppliedObject[] =>
      checked.map((one) => {
        const removed = this.removeChecked(one);
        if (one.kind.kind === 'Namespace') this.store.removeAllIn(one.object.metadata.name);
        return removed;
      });
    return this.change(removeAll, checked, signal);
  }

  private async changeOrRevert(checked: readonly CheckedObject[], signal: AbortSignal): Promise<ApplyReport> {
    const before = checked.map(({ kind, object: { metadata } }) =>
      this.store.get(kind, metadata.namespace, metadata.name),
    );
    try {
      return await this.change(() => checked.map((one) => this.putChecked(one)), checked, signal);
    } catch (error) {
      const revert = (): AppliedObject[] =>
        checked.map((one, index) => {
          const old = before[index];
          if (old === undefined) return this.removeChecked(one);
          return { title: one.title, change: this.store.put(one.kind, old).change };
        });
      // The first error is the one to report.
      await this.change(revert, checked, signal).catch(() => {});
      throw error;
    }
  }

  /**
   * Changes the store, and waits until the change is in effect.
   *
   * @param changeStore changes the store and returns the change of each checked object
   */
  private async change(
    changeStore: () => AppliedObject[],
    checked: readonly CheckedObject[],
    signal: AbortSignal,
  ): Promise<ApplyReport> {
    const startedAt = performance.now();
    const before = await istiodCounts(signal);
    const objects = changeStore();
    const changed = objects.filter(({ change }) => change !== 'unchanged' && change !== 'not found');
    // Changes are counted, not objects: the same object may be in several files.
    const counted = checked.filter(({ object }, index) => {
      const applied = objects[index];
      return applied !== undefined && changed.includes(applied) && isCountedByIstiod(object);
    });
    const { leftOut } = await this.pods.reconcile(signal);
    const pending = { before, changes: counted.length, addresses: this.pods.proxyAddresses };
    const isComplete = changed.length === 0 || (await waitForSync(pending, signal));
    const warnings = isComplete
      ? []
      : ['istiod ignores some of these objects: the label istio.io/rev may name another revision'];
    return { objects, warnings, leftOut, durationMs: performance.now() - startedAt };
  }

  private check(
    sources: readonly ManifestSource[],
    namespace = this.namespace,
  ): { readonly checked: CheckedObject[]; readonly leftOut: string[] } {
    const { kinds, schemas } = this;
    return checkManifests(parseManifests(sources), { kinds, schemas, namespace });
  }

  private putChecked({ kind, object, title }: CheckedObject): AppliedObject {
    const toStore = this.logRoutes ? withRouteNames(object) : object;
    const { change } = this.store.put(kind, withDefaults(toStore, this.store, kind, this.addresses));
    return { title, change };
  }

  private removeChecked({ kind, object: { metadata }, title }: CheckedObject): AppliedObject {
    const existed = this.store.remove(kind, metadata.namespace, metadata.name);
    return { title, change: existed ? 'deleted' : 'not found' };
  }
}
