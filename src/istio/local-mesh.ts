import { readFileSync } from 'node:fs';
import path from 'node:path';
import { admitAll } from './admission.ts';
import { Kinds } from './api/kinds.ts';
import { Schemas } from './api/schemas.ts';
import { Store } from './api/store.ts';
import { createAuthority } from './certificates.ts';
import { type AppliedObject, type Checked, checkManifests, establishedCrd, withDefaults } from './check-manifests.ts';
import { ClusterView } from './cluster-view.ts';
import { istiodReady } from './control-plane.ts';
import { readCrds } from './crds.ts';
import { startDns } from './dns.ts';
import type { Entry } from './entries.ts';
import { ImplicitObjects } from './implicit-objects.ts';
import { jaegerEntry, meshJaegerReady, startMeshIstiod, startMeshJaeger } from './local-mesh-programs.ts';
import { type ManifestSource, parseManifests } from './manifest.ts';
import { addressesOf } from './names.ts';
import { Addresses, createBridge } from './network.ts';
import { PodController } from './pod-controller.ts';
import { type Starting, untilReady } from './ready.ts';
import { withRouteNames } from './route-names.ts';
import type { InstalledTools } from './tools.ts';
import { isHeardOf, Settler } from './wait-for-sync.ts';

export interface LocalMeshOptions {
  readonly tools: InstalledTools;
  /** A folder that every user can read, for logs and what programs need; its caller removes it. */
  readonly folder: string;
  readonly sources: readonly ManifestSource[];
  /** Of objects that say none. */
  readonly namespace: string;
  /** Adds a mock for every destination that no workload stands behind. */
  readonly fill: boolean;
  /** Whether what requests meet is to be told: routes get names, and access logs have them. */
  readonly logRoutes: boolean;
  /** Further arguments of each `meshmock serve`. */
  readonly serveArguments: readonly string[];
  /** Told where calls from outside may enter, whenever that changes. */
  readonly onEntries: (entries: readonly Entry[]) => void;
}

/** What applying or deleting did. */
export interface ApplyReport {
  readonly objects: readonly AppliedObject[];
  readonly warnings: readonly string[];
  /** What cannot be run, in words. */
  readonly leftOut: readonly string[];
  /** Until every sidecar had it in effect. */
  readonly durationMs: number;
}

/** A mesh without a cluster: the API, istiod, Jaeger and the pods, in the namespaces of this process. */
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
   * Starts all that there is to be, and waits until every sidecar serves.
   *
   * @throws MeshmockError `usage`
   */
  static async start(options: LocalMeshOptions, signal: AbortSignal): Promise<{ bed: LocalMesh; report: ApplyReport }> {
    const started = performance.now();
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
    const made = new ImplicitObjects(view, addresses, options.fill);
    const surroundings = { tools, folder, rootCertificate, serveArguments: options.serveArguments, view };
    const pods = new PodController(surroundings, view, addresses, made);
    pods.onEntries = (entries) => options.onEntries([...entries, jaegerEntry]);
    const bed = new LocalMesh(options, { kinds, schemas: new Schemas(crds, definitions), store }, addresses, pods);
    const { checked, leftOut } = bed.check(options.sources);
    for (const crd of crds.map(establishedCrd)) store.put(view.kindOf(crd), crd);
    pods.checkCount(checked.map(({ object }) => object));
    const objects = checked.map((one) => bed.putChecked(one));
    await startDns((name) => addressesOf(name, view.services, pods.all));
    const { logRoutes } = options;
    // From its start on: the end of one that ends at once would be missed.
    const watched = (starting: Starting): Starting => {
      pods.watch(starting.name, starting.program);
      return starting;
    };
    const [istiod] = await Promise.all([
      startMeshIstiod({ tools, folder, authorityFolder, logRoutes }, { store, kinds }, signal).then(watched),
      startMeshJaeger({ tools, folder }, signal)
        .then(watched)
        .then((jaeger) => untilReady(jaeger, meshJaegerReady, signal)),
    ]);
    const warnings: string[] = [];
    const changes = await pods.reconcile(signal, async () => {
      await untilReady(istiod, istiodReady, signal);
      warnings.push(...(await admitAll(checked, signal)));
    });
    const settler = await Settler.begin(signal);
    await settler.settled(0, pods.proxyAddresses, signal);
    warnings.push(...pods.looseEnds(checked.map(({ object }) => object)));
    const durationMs = performance.now() - started;
    return { bed, report: { objects, warnings, leftOut: [...leftOut, ...changes.leftOut], durationMs } };
  }

  /**
   * As `kubectl apply`, and back when every sidecar has it in effect. When anything of it is refused, when a pod does
   * not start or Envoy rejects it, all is as before.
   *
   * @param namespace of objects that say none; that of the start if not given
   * @throws MeshmockError `usage`
   */
  async apply(sources: readonly ManifestSource[], signal: AbortSignal, namespace?: string): Promise<ApplyReport> {
    const { checked, leftOut } = this.check(sources, namespace);
    this.pods.checkCount(checked.map(({ object }) => object));
    const warnings = await admitAll(checked, signal);
    const report = await this.changeOrPutBack(checked, signal);
    return {
      ...report,
      warnings: [...warnings, ...report.warnings, ...this.pods.looseEnds(checked.map(({ object }) => object))],
      leftOut: [...leftOut, ...report.leftOut],
    };
  }

  /**
   * As `kubectl delete --ignore-not-found`, and back when no sidecar has it in effect any more.
   *
   * @throws MeshmockError `usage`
   */
  async delete(sources: readonly ManifestSource[], signal: AbortSignal, namespace?: string): Promise<ApplyReport> {
    const { checked } = this.check(sources, namespace);
    const removeAll = (): AppliedObject[] =>
      checked.map(({ kind, object, title }) => {
        const wasThere = this.store.remove(kind, object.metadata.namespace, object.metadata.name);
        if (kind.kind === 'Namespace') this.store.removeAllIn(object.metadata.name);
        return { title, change: wasThere ? 'deleted' : 'not found' };
      });
    return this.change(removeAll, checked, signal);
  }

  private async changeOrPutBack(checked: readonly Checked[], signal: AbortSignal): Promise<ApplyReport> {
    const before = checked.map(({ kind, object: { metadata } }) =>
      this.store.get(kind, metadata.namespace, metadata.name),
    );
    try {
      return await this.change(() => checked.map((one) => this.putChecked(one)), checked, signal);
    } catch (error) {
      const putBack = (): AppliedObject[] =>
        checked.map(({ kind, object: { metadata }, title }, index) => {
          const old = before[index];
          if (old !== undefined) return { title, change: this.store.put(kind, old).change };
          const wasThere = this.store.remove(kind, metadata.namespace, metadata.name);
          return { title, change: wasThere ? 'deleted' : 'not found' };
        });
      // What went wrong first is what somebody needs to know.
      await this.change(putBack, checked, signal).catch(() => {});
      throw error;
    }
  }

  private async change(
    make: () => AppliedObject[],
    checked: readonly Checked[],
    signal: AbortSignal,
  ): Promise<ApplyReport> {
    const started = performance.now();
    const settler = await Settler.begin(signal);
    const objects = make();
    const changed = objects.filter(({ change }) => change !== 'unchanged' && change !== 'not found');
    // One for each change that was made: a folder may well have the same object twice.
    const heard = checked.filter(({ object }, index) => {
      const made = objects[index];
      return made !== undefined && changed.includes(made) && isHeardOf(object);
    });
    const { leftOut } = await this.pods.reconcile(signal);
    const isHeard = changed.length === 0 || (await settler.settled(heard.length, this.pods.proxyAddresses, signal));
    const warnings = isHeard ? [] : ['istiod took no notice of some of it: is it of another revision (istio.io/rev)?'];
    return { objects, warnings, leftOut, durationMs: performance.now() - started };
  }

  private check(
    sources: readonly ManifestSource[],
    namespace = this.namespace,
  ): { readonly checked: Checked[]; readonly leftOut: string[] } {
    const { kinds, schemas } = this;
    return checkManifests(parseManifests(sources), { kinds, schemas, namespace });
  }

  private putChecked({ kind, object, title }: Checked): AppliedObject {
    const named = this.logRoutes ? withRouteNames(object) : object;
    const { change } = this.store.put(kind, withDefaults(named, this.store, kind, this.addresses));
    return { title, change };
  }
}
