import { isDeepStrictEqual } from 'node:util';
import { outsideClient, templateOf } from '../../cases/entry-clients.ts';
import { manifestText, withNamespaces } from '../../cases/meshes/file-objects.ts';
import { optional } from '../../error/optional.ts';
import { MeshHost } from '../../istio/host/mesh-host.ts';
import type { ApplyReport } from '../../istio/local-mesh/local-mesh.ts';
import type { IstioSettings } from '../../istio/local-mesh/mesh-configuration.ts';
import { type Manifest, type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { manifestsByIdentity } from '../../istio/resources/manifest-identity.ts';
import { namespaceOf, selects } from '../../istio/resources/objects.ts';
import type { InstalledTools } from '../../istio/tools/install-tools.ts';
import { outsideWorkload, type ProbeEntries } from './probe-routes.ts';
import { TokenKeys } from './token-keys.ts';

export interface ComparisonMeshOptions {
  readonly tools: InstalledTools;
  /** Namespace of objects that name none. */
  readonly namespace: string;
  readonly istio: IstioSettings;
  readonly maxReplicas?: number;
  /** Snapshot into which the mesh turns later. */
  readonly later?: readonly ManifestSource[];
  readonly onProgramExit: (name: string, logs: string) => void;
}

/** Snapshot of a mesh, with the keys of its tokens. */
interface Snapshot {
  readonly keys: TokenKeys;
  readonly sources: readonly ManifestSource[];
  readonly report: ApplyReport;
}

/** Local mesh that has one of two snapshots at a time, with mocks for all workloads. */
export class ComparisonMesh implements AsyncDisposable {
  readonly host: MeshHost;
  /** Namespace of objects that name none. */
  readonly namespace: string;
  /** Keys of the tokens of probes, in the place of those of all issuers. */
  readonly keys: TokenKeys;
  /** Report of the mesh about its snapshot. */
  report: ApplyReport;
  private sources: readonly ManifestSource[];
  private applied: ReadonlyMap<string, Manifest>;

  private constructor(host: MeshHost, namespace: string, { keys, sources, report }: Snapshot) {
    this.host = host;
    this.namespace = namespace;
    this.keys = keys;
    this.sources = sources;
    this.report = report;
    this.applied = this.objectsOf(sources);
  }

  /**
   * Starts a mesh with a snapshot.
   *
   * @throws MeshmockError if a manifest is refused, or if the mesh does not come up
   */
  static async start(
    sources: readonly ManifestSource[],
    options: ComparisonMeshOptions,
    signal: AbortSignal,
  ): Promise<ComparisonMesh> {
    const { namespace, tools, istio, maxReplicas, onProgramExit } = options;
    const keys = new TokenKeys();
    const all = keys.replaceIn(withOutside(sources, namespace));
    const anyPort = { host: 'localhost', port: 0 };
    const { mesh: host, started } = await MeshHost.start(
      {
        mesh: `diff-${process.pid}`,
        tools,
        namespace,
        fill: true,
        // A destination without a workload is a mistake that a cluster would show, if the manifests have the others.
        unfilled: namespacesWithWorkloads([...sources, ...(options.later ?? [])], namespace),
        istio,
        ...optional('maxReplicas', maxReplicas),
        logRoutes: true,
        workloadEntries: true,
        sources: all,
        serveArguments: ['--log-level=warn'],
        onProgramExit,
        ports: { http: anyPort, grpc: anyPort, jaeger: anyPort, metrics: anyPort, kubernetes: anyPort },
      },
      signal,
    );
    return new ComparisonMesh(host, namespace, { keys, sources, report: started.report });
  }

  /**
   * Turns the mesh into another snapshot: deletes the objects that it does not have, and applies the others.
   *
   * @throws MeshmockError if a manifest is refused
   */
  async turnInto(sources: readonly ManifestSource[], signal: AbortSignal): Promise<void> {
    const all = this.keys.replaceIn(withOutside(sources, this.namespace));
    const wanted = this.objectsOf(sources);
    const unwanted = [...this.applied].filter(([identity]) => !wanted.has(identity)).map(([, { object }]) => object);
    const removed =
      unwanted.length === 0 ? [] : [{ name: 'objects of the other snapshot', text: manifestText(unwanted) }];
    this.report = await this.host.apply(all, signal, removed);
    this.applied = wanted;
    this.sources = sources;
  }

  /** Reports whether the mesh has a snapshot now. */
  has(sources: readonly ManifestSource[]): boolean {
    return isDeepStrictEqual(sources, this.sources);
  }

  private objectsOf(sources: readonly ManifestSource[]): Map<string, Manifest> {
    return manifestsByIdentity(parseManifests(withOutside(sources, this.namespace)), this.namespace);
  }

  /** Returns the parts through which probes reach their callers. */
  async entries(signal: AbortSignal): Promise<ProbeEntries> {
    const { host, namespace } = this;
    const objects = await host.objects(signal);
    return { ports: host.ports, objects, applied: withNamespaces(this.applied.values(), namespace), namespace };
  }

  /** Returns the name of one pod of a Service; undefined if it has none. */
  async podOf(host: string, signal: AbortSignal): Promise<string | undefined> {
    const [name = '', namespace = ''] = host.split('.');
    const { services, pods } = await this.host.objects(signal);
    const service = services.find((one) => one.metadata.name === name && namespaceOf(one) === namespace);
    const selected = pods.filter(
      (pod) => namespaceOf(pod) === namespace && selects(service?.spec.selector, pod.metadata.labels),
    );
    return selected[0]?.metadata.name;
  }

  /**
   * Makes the mocks of a Service follow directives, until the result is disposed of.
   *
   * @param host host name of the Service
   */
  async behaviour(host: string, directives: string, signal: AbortSignal): Promise<AsyncDisposable> {
    const [service = '', namespace = ''] = host.split('.');
    const stack = new AsyncDisposableStack();
    await this.host.setBehaviour({ service, namespace, directives }, signal);
    stack.defer(() => this.host.setBehaviour({ service, namespace }, signal));
    return stack;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host[Symbol.asyncDispose]();
  }
}

/** Returns the namespaces of which a snapshot has workloads. */
function namespacesWithWorkloads(sources: readonly ManifestSource[], namespace: string): string[] {
  const objects = parseManifests(sources).map(({ object }) => object);
  const workloads = objects.filter((object) => templateOf(object) !== undefined);
  return [...new Set(workloads.map(({ metadata }) => metadata.namespace ?? namespace))];
}

function withOutside(sources: readonly ManifestSource[], namespace: string): ManifestSource[] {
  const client = outsideClient(namespace, outsideWorkload);
  return [...sources, { name: 'client outside the mesh', text: manifestText([client]) }];
}
