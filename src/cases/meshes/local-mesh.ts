import { MeshmockError } from '../../error/meshmock-error.ts';
import { entryName, findByName } from '../../istio/entries.ts';
import type { MachinePort } from '../../istio/machine-ports.ts';
import { type Manifest, type ManifestSource, parseManifests } from '../../istio/manifest.ts';
import { MeshHost } from '../../istio/mesh-host.ts';
import { isService, type KubeObject } from '../../istio/objects.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import type { Case, CaseFile, Given } from '../case.ts';
import { coverageOf } from '../coverage/coverage.ts';
import { Traffic } from '../coverage/traffic.ts';
import type { Coverage } from '../finding.ts';
import type { MeshUnderTest, Phase } from '../mesh-under-test.ts';
import { byIdentity, documents, inNamespaces, withAdded } from './file-objects.ts';
import { localCallRoute } from './local-call-route.ts';
import { LocalMeshRoutes } from './local-mesh-routes.ts';

export interface LocalMeshOptions {
  /** Gives the manifests that files name. */
  readonly read: (names: readonly string[]) => ManifestSource[];
  /** From which port of this machine on its services are reached; 0 is any free one. */
  readonly http: { readonly host: string; readonly port: number };
  readonly grpc: { readonly host: string; readonly port: number };
  readonly serveArguments: readonly string[];
  readonly onProgramExit: (name: string, logs: string) => void;
}

const scalableKinds = ['Deployment', 'StatefulSet'];

/** Tells the meshes of cases on one machine apart. */
export const localMeshName = `test-${process.pid}`;

/** A mesh without a cluster that is brought up for the cases. What files have in common stays from one to the next. */
export class LocalMesh implements MeshUnderTest {
  private readonly options: LocalMeshOptions;
  private running: { readonly mesh: MeshHost; readonly namespace: string; readonly fill: boolean } | undefined;
  /** What is there, by what tells objects apart. */
  private present: ReadonlyMap<string, Manifest> = new Map();
  private routesOfFile: LocalMeshRoutes | undefined;
  private traffic: Traffic | undefined;

  constructor(options: LocalMeshOptions) {
    this.options = options;
  }

  /** Where it is called from this machine; nowhere before it became anything. */
  get ports(): readonly MachinePort[] {
    return this.running?.mesh.ports ?? [];
  }

  async applyPhase(file: CaseFile, phase: Phase, signal: AbortSignal): Promise<readonly string[]> {
    const { manifests, change, namespace, fill } = file;
    const given = this.options.read(phase === 'before' ? manifests : [...manifests, ...change]);
    const { sources, notes } =
      file.assertsRoutes === true ? withAdded(given, namespace) : { sources: given, notes: [] };
    const wanted = byIdentity(parseManifests(sources), namespace);
    if (this.running?.namespace !== namespace || this.running.fill !== fill) await this[Symbol.asyncDispose]();
    const report =
      this.running === undefined ? await this.start(file, sources, signal) : await this.turn(wanted, sources, signal);
    this.present = wanted;
    const { mesh } = this.up();
    this.routesOfFile =
      file.assertsRoutes === true ? new LocalMeshRoutes(mesh, inNamespaces(wanted.values(), namespace)) : undefined;
    this.traffic = await Traffic.begin(mesh, signal);
    return [...new Set([...notes, ...report.warnings, ...report.leftOut.map((what) => `not run: ${what}`)])];
  }

  get routes(): LocalMeshRoutes | undefined {
    return this.routesOfFile;
  }

  private async start({ namespace, fill }: CaseFile, sources: readonly ManifestSource[], signal: AbortSignal) {
    const { http, grpc, serveArguments, onProgramExit } = this.options;
    const { mesh, started } = await MeshHost.start(
      {
        ...{ mesh: localMeshName, namespace, fill, logRoutes: true, sources, serveArguments, onProgramExit },
        ports: { http, grpc, jaeger: { host: http.host, port: 0 } },
      },
      signal,
    );
    this.running = { mesh, namespace, fill };
    // What has died is brought up again for the next file.
    mesh.ended.catch(() => {
      if (this.running?.mesh === mesh) this.forget();
    });
    return started.report;
  }

  /** What is not wanted any more goes first: two files may well be about the same host. */
  private async turn(wanted: ReadonlyMap<string, Manifest>, sources: readonly ManifestSource[], signal: AbortSignal) {
    const { mesh } = this.up();
    const gone = [...this.present].filter(([identity]) => !wanted.has(identity)).map(([, { object }]) => object);
    if (gone.length > 0) await mesh.delete([{ name: 'what the file before had', text: documents(gone) }], signal);
    return mesh.apply(sources, signal);
  }

  async coverage(signal: AbortSignal): Promise<Coverage | undefined> {
    const { traffic } = this;
    if (traffic === undefined) return undefined;
    return coverageOf([...this.present.values()], this.up().namespace, await traffic.met(signal));
  }

  cannotTry(): undefined {
    return undefined;
  }

  routeOf(testCase: Case): CallRoute {
    const { mesh, namespace } = this.up();
    const services = inNamespaces(this.present.values(), namespace).filter(isService);
    return localCallRoute(testCase, mesh.ports, services, namespace);
  }

  async injectFaults(given: readonly Given[], signal: AbortSignal): Promise<AsyncDisposable> {
    const { mesh, namespace } = this.up();
    const stack = new AsyncDisposableStack();
    try {
      for (const one of given) {
        switch (one.kind) {
          case 'behaviour':
            await mesh.setBehaviour({ service: one.service, namespace, directives: one.directives }, signal);
            stack.defer(async () => void (await mesh.setBehaviour({ service: one.service, namespace }, signal)));
            break;
          case 'replicas':
            await this.traffic?.count(signal);
            await mesh.apply([this.scaled(one.deployment, one.replicas)], signal);
            await this.traffic?.count(signal);
            stack.defer(async () => void (await mesh.apply([this.scaled(one.deployment)], signal)));
            break;
        }
      }
      return stack.move();
    } catch (error) {
      await stack.disposeAsync();
      throw error;
    }
  }

  /** @param replicas as many as its manifest says, if not given */
  private scaled(workload: string, replicas?: number): ManifestSource {
    const { namespace } = this.up();
    const workloads = inNamespaces(this.present.values(), namespace).filter(({ kind }) => scalableKinds.includes(kind));
    const titleOf = ({ metadata: { name, namespace: its = 'default' } }: KubeObject): string => entryName(name, its);
    const [object] = findByName(workloads, titleOf, workload, namespace);
    if (object === undefined) {
      const names = workloads.length === 0 ? 'no' : workloads.map(titleOf).join(', ');
      throw new MeshmockError('usage', `there is no Deployment or StatefulSet ${workload}: there are ${names}`);
    }
    const spec = replicas === undefined ? object.spec : { ...(object.spec as object), replicas };
    return { name: `given: ${workload}`, text: documents([{ ...object, spec }]) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { running } = this;
    this.forget();
    await running?.mesh[Symbol.asyncDispose]();
  }

  private forget(): void {
    this.running = undefined;
    this.present = new Map();
    this.traffic = undefined;
    this.routesOfFile = undefined;
  }

  private up(): NonNullable<LocalMesh['running']> {
    if (this.running === undefined) throw new MeshmockError('internal', 'the mesh of these cases has ended');
    return this.running;
  }
}
