import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import { withPlaces } from '../../istio/apply/note-places.ts';
import type { MachinePort } from '../../istio/host/machine-ports.ts';
import { MeshHost } from '../../istio/host/mesh-host.ts';
import type { ApplyReport } from '../../istio/local-mesh/local-mesh.ts';
import { type IstioSettings, isIstioOperator } from '../../istio/local-mesh/mesh-configuration.ts';
import { type Manifest, type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { manifestsByIdentity } from '../../istio/resources/manifest-identity.ts';
import { isService, type KubeObject } from '../../istio/resources/objects.ts';
import type { InstalledTools } from '../../istio/tools/install-tools.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import { assertsRoutes, type CaseFile, type CaseRequest, type WorkloadFault } from '../case.ts';
import { coverageOf } from '../coverage/coverage.ts';
import { TrafficRecorder } from '../coverage/traffic-recorder.ts';
import type { Coverage } from '../coverage-result.ts';
import { needsNeutralClient, neutralClient } from '../entry-clients.ts';
import type { MeshUnderTest, Phase } from '../mesh-under-test.ts';
import { DeferredActions } from './deferred-actions.ts';
import { manifestText, withEntryClients, withMissingObjects, withNamespaces } from './file-objects.ts';
import { gatewayRoute } from './gateway-route.ts';
import { localCallRoute } from './local-call-route.ts';
import { LocalRouteObserver } from './local-route-observer.ts';
import { scaleWorkload } from './scale-workload.ts';

export interface LocalTestMeshOptions {
  /** Number of the mesh among those of this process, from 1; 1 if not given. */
  readonly number?: number;
  /** Returns the tools of the mesh; they are installed if not given. */
  readonly tools?: () => Promise<InstalledTools>;
  /** Reads the manifests of files and folders. */
  readonly read: (names: readonly string[]) => ManifestSource[];
  /** Reads a user's configuration of Istio for a file. */
  readonly istio?: (file: CaseFile) => IstioSettings;
  /** Maximum number of replicas of each workload. */
  readonly maxReplicas?: number;
  /** First port of this machine for HTTP entries; 0 for any free ports. */
  readonly http: { readonly host: string; readonly port: number };
  /** First port of this machine for gRPC entries; 0 for any free ports. */
  readonly grpc: { readonly host: string; readonly port: number };
  /** Arguments of `meshmock serve` for each mock. */
  readonly serveArguments: readonly string[];
  /** Called when a program of the mesh ends unexpectedly, with its name and the folder of its logs. */
  readonly onProgramExit: (name: string, logs: string) => void;
}

/** Returns the name of a local mesh of this process. */
export function localMeshName(number = 1): string {
  return `test-${process.pid}${number === 1 ? '' : `-${number}`}`;
}

interface StartedMesh {
  readonly host: MeshHost;
  readonly namespace: string;
  /** Text of everything that needs another mesh when it changes. */
  readonly key: string;
}

/** Local mesh that starts for the first file of cases. Later files keep the objects that they share with it. */
export class LocalTestMesh implements MeshUnderTest {
  private readonly options: LocalTestMeshOptions;
  private started: StartedMesh | undefined;
  /** Manifests that the mesh has, by the identity of their objects. */
  private applied: ReadonlyMap<string, Manifest> = new Map();
  private observer: LocalRouteObserver | undefined;
  private recorder: TrafficRecorder | undefined;
  /** Entry of requests without `from`; the first service if undefined. */
  private defaultEntry: string | undefined;

  constructor(options: LocalTestMeshOptions) {
    this.options = options;
  }

  /** Entries of the mesh on this machine; empty before its start. */
  get ports(): readonly MachinePort[] {
    return this.started?.host.ports ?? [];
  }

  get routeObserver(): LocalRouteObserver | undefined {
    return this.observer;
  }

  async applyPhase(file: CaseFile, phase: Phase, signal: AbortSignal): Promise<readonly string[]> {
    const { manifests, change, namespace, fill } = file;
    const given = this.options.read(phase === 'before' ? manifests : [...manifests, ...change]);
    const { sources, notes } = assertsRoutes(file)
      ? withMissingObjects(given, namespace)
      : { sources: withEntryClients(given, file), notes: [] };
    this.defaultEntry = needsNeutralClient(file) ? neutralClient : undefined;
    const wanted = manifestsByIdentity(parseManifests(sources), namespace);
    const istio = this.options.istio?.(file) ?? {};
    // istiod is installed once, with its IstioOperators.
    const operators = [...wanted.values()].map(({ object }) => object).filter(isIstioOperator);
    const key = JSON.stringify([namespace, fill, istio, operators]);
    if (this.started?.key !== key) await this[Symbol.asyncDispose]();
    const report =
      this.started === undefined
        ? await this.start(file, { sources, istio, key }, signal)
        : await this.change(wanted, sources, signal);
    this.applied = wanted;
    const { host } = this.startedMesh();
    this.observer = assertsRoutes(file)
      ? await LocalRouteObserver.start(host, withNamespaces(wanted.values(), namespace), signal)
      : undefined;
    this.recorder = await TrafficRecorder.start(host, signal);
    // Objects that are added for the cases have no place in a file.
    const warnings = withPlaces(report.warnings, given, namespace);
    const leftOut = withPlaces(report.leftOut, given, namespace).map((what) => `not run: ${what}`);
    return [...new Set([...notes, ...warnings, ...leftOut])];
  }

  private async start(
    { namespace, fill }: CaseFile,
    {
      sources,
      istio,
      key,
    }: { readonly sources: readonly ManifestSource[]; readonly istio: IstioSettings; readonly key: string },
    signal: AbortSignal,
  ): Promise<ApplyReport> {
    const { number, tools, http, grpc, serveArguments, onProgramExit, maxReplicas } = this.options;
    const anyPort = { host: http.host, port: 0 };
    const { mesh: host, started } = await MeshHost.start(
      {
        mesh: localMeshName(number),
        ...optional('tools', await tools?.()),
        namespace,
        fill,
        istio,
        ...optional('maxReplicas', maxReplicas),
        logRoutes: true,
        sources,
        serveArguments,
        onProgramExit,
        ports: { http, grpc, jaeger: anyPort, metrics: anyPort, kubernetes: anyPort },
      },
      signal,
    );
    this.started = { host, namespace, key };
    // A mesh that ends unexpectedly starts again for the next file.
    host.ended.catch(() => {
      if (this.started?.host === host) this.forget();
    });
    return started.report;
  }

  /** Deletes what is not wanted any more, and applies the manifests, in one change. */
  private change(
    wanted: ReadonlyMap<string, Manifest>,
    sources: readonly ManifestSource[],
    signal: AbortSignal,
  ): Promise<ApplyReport> {
    const { host } = this.startedMesh();
    const unwanted = [...this.applied].filter(([identity]) => !wanted.has(identity)).map(([, { object }]) => object);
    const removed = unwanted.length === 0 ? [] : [{ name: 'objects of before', text: manifestText(unwanted) }];
    return host.apply(sources, signal, removed);
  }

  async coverage(signal: AbortSignal): Promise<Coverage | undefined> {
    const { recorder } = this;
    if (recorder === undefined) return undefined;
    return coverageOf([...this.applied.values()], this.startedMesh().namespace, await recorder.traffic(signal));
  }

  skipReason(): undefined {
    return undefined;
  }

  async callRouteOf(request: CaseRequest, signal: AbortSignal): Promise<CallRoute> {
    const { host, namespace } = this.startedMesh();
    const applied = this.appliedObjects();
    const { from = this.defaultEntry, url } = request;
    if (url === undefined)
      return localCallRoute({ ...request, from }, host.ports, applied.filter(isService), namespace);
    return gatewayRoute(request, url, { applied, mesh: await host.objects(signal), ports: host.ports, namespace });
  }

  async injectFaults(faults: readonly WorkloadFault[], signal: AbortSignal): Promise<AsyncDisposable> {
    const undo = new DeferredActions();
    try {
      for (const fault of faults) undo.defer(await this.injectFault(fault, signal));
      return undo;
    } catch (error) {
      await undo[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Injects a fault, and returns a function that removes it. */
  private async injectFault(fault: WorkloadFault, signal: AbortSignal): Promise<() => Promise<void>> {
    const { host, namespace } = this.startedMesh();
    switch (fault.kind) {
      case 'behaviour': {
        const { service, directives } = fault;
        await host.setBehaviour({ service, namespace, directives }, signal);
        return () => host.setBehaviour({ service, namespace }, signal);
      }
      case 'not_ready': {
        const { service } = fault;
        await host.setReadiness({ service, namespace, isReady: false }, signal);
        return () => host.setReadiness({ service, namespace, isReady: true }, signal);
      }
      case 'replicas': {
        const { original, scaled } = scaleWorkload(this.appliedObjects(), fault.workload, namespace, fault.replicas);
        // The counters of a pod end with it, and those of its successor start at 0.
        await this.recorder?.count(signal);
        await host.apply([scaled], signal);
        await this.recorder?.count(signal);
        return async () => {
          await host.apply([original], signal);
        };
      }
    }
  }

  private appliedObjects(): KubeObject[] {
    return withNamespaces(this.applied.values(), this.startedMesh().namespace);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { started } = this;
    this.forget();
    await started?.host[Symbol.asyncDispose]();
  }

  private forget(): void {
    this.started = undefined;
    this.applied = new Map();
    this.recorder = undefined;
    this.observer = undefined;
  }

  private startedMesh(): StartedMesh {
    if (this.started === undefined) throw new MeshmockError('unavailable', 'the local mesh of these cases has ended');
    return this.started;
  }
}
