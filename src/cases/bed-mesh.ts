import { entryName } from '../istio/entries.ts';
import type { MachinePort } from '../istio/machine-ports.ts';
import { type Manifest, type ManifestSource, parseManifests } from '../istio/manifest.ts';
import { RunningMesh } from '../istio/mesh.ts';
import { isService, type KubeObject } from '../istio/objects.ts';
import { MeshmockError } from '../plan/error.ts';
import { formatPath } from '../plan/format.ts';
import { BedRoutes } from './bed-routes.ts';
import type { Case, CaseFile, Given } from './case.ts';
import { type Coverage, coverageOf } from './coverage.ts';
import { missingObjects } from './entrances.ts';
import type { MeshUnderTest, Phase, Way } from './mesh-under-test.ts';
import { RouteConfig } from './route-config.ts';
import { Traffic } from './traffic.ts';

export interface BedMeshOptions {
  /** Gives the manifests that files name. */
  readonly read: (names: readonly string[]) => ManifestSource[];
  /** From which port of this machine on its services are reached; 0 is any free one. */
  readonly http: { readonly host: string; readonly port: number };
  readonly grpc: { readonly host: string; readonly port: number };
  readonly appArguments: readonly string[];
  readonly onLoss: (name: string, logs: string) => void;
}

/** Tells the meshes of cases on one machine apart. */
export const bedName = `test-${process.pid}`;

/** A mesh without a cluster that is brought up for the cases. What files have in common stays from one to the next. */
export class BedMesh implements MeshUnderTest {
  private readonly options: BedMeshOptions;
  private running: { readonly mesh: RunningMesh; readonly namespace: string; readonly fill: boolean } | undefined;
  /** What is there, by what tells objects apart. */
  private present: ReadonlyMap<string, Manifest> = new Map();
  private routesOfFile: BedRoutes | undefined;
  private traffic: Traffic | undefined;

  constructor(options: BedMeshOptions) {
    this.options = options;
  }

  /** Where it is called from this machine; nowhere before it became anything. */
  get ports(): readonly MachinePort[] {
    return this.running?.mesh.ports ?? [];
  }

  async become(file: CaseFile, phase: Phase, signal: AbortSignal): Promise<readonly string[]> {
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
      file.assertsRoutes === true ? new BedRoutes(mesh, inNamespaces(wanted.values(), namespace)) : undefined;
    this.traffic = await Traffic.begin(mesh, signal);
    return [...new Set([...notes, ...report.warnings, ...report.leftOut.map((what) => `not run: ${what}`)])];
  }

  get routes(): BedRoutes | undefined {
    return this.routesOfFile;
  }

  private async start({ namespace, fill }: CaseFile, sources: readonly ManifestSource[], signal: AbortSignal) {
    const { http, grpc, appArguments, onLoss } = this.options;
    const { mesh, started } = await RunningMesh.start(
      {
        ...{ mesh: bedName, namespace, fill, isObserved: true, sources, appArguments, onLoss },
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

  wayOf({ from, protocol, plan, headers, host }: Case): Way {
    const { ports } = this.up().mesh;
    const entries = ports.filter(({ entry }) => entry.kind !== 'jaeger');
    const able = entries.filter(({ entry }) => entry.protocol === protocol);
    const port = from === undefined ? this.first(able) : able.find(({ entry }) => entry.name === from);
    if (port === undefined) throw new MeshmockError('usage', noEntry(from, protocol, entries));
    return {
      target: {
        scheme: protocol,
        address: { host: port.host === '' ? 'localhost' : port.host, port: port.port },
        ...(host === undefined ? {} : { authority: host }),
        plan,
        path: formatPath(plan),
      },
      headers,
      connectTo: [],
    };
  }

  /** In the order of the manifests: that of the mesh depends on what files before had. */
  private first(ports: readonly MachinePort[]): MachinePort | undefined {
    const services = inNamespaces(this.present.values(), this.up().namespace).filter(isService);
    const names = services.map(({ metadata: { name, namespace = 'default' } }) => entryName(name, namespace));
    return names.flatMap((name) => ports.find(({ entry }) => entry.name === name) ?? [])[0] ?? ports[0];
  }

  async sicken(given: readonly Given[], signal: AbortSignal): Promise<AsyncDisposable> {
    const { mesh } = this.up();
    const stack = new AsyncDisposableStack();
    try {
      for (const one of given) {
        switch (one.kind) {
          case 'behaviour':
            await mesh.behave(one.service, one.directives, signal);
            stack.defer(async () => void (await mesh.behave(one.service, undefined, signal)));
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
  private scaled(deployment: string, replicas?: number): ManifestSource {
    const deployments = [...this.present.values()]
      .map((manifest) => manifest.object)
      .filter(({ kind }) => kind === 'Deployment');
    const object = deployments.find(({ metadata }) => metadata.name === deployment);
    if (object === undefined) {
      const names = deployments.map(({ metadata }) => metadata.name);
      throw new MeshmockError('usage', `there is no Deployment ${deployment}: there are ${names.join(', ')}`);
    }
    const spec = replicas === undefined ? object.spec : { ...(object.spec as object), replicas };
    return { name: `given: ${deployment}`, text: documents([{ ...object, spec }]) };
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

  private up(): NonNullable<BedMesh['running']> {
    if (this.running === undefined) throw new MeshmockError('usage', 'the mesh of these cases has ended');
    return this.running;
  }
}

/** With what a file of asserted routes leaves to others. */
function withAdded(given: readonly ManifestSource[], namespace: string) {
  const manifests = parseManifests(given);
  const { objects, notes } = missingObjects(new RouteConfig(inNamespaces(manifests, namespace)));
  const last = byIdentity(manifests, namespace);
  const twice = manifests.filter((manifest) => last.get(identityOf(manifest, namespace)) !== manifest);
  return {
    sources: [...given, { name: 'what was made for the cases', text: documents(objects) }],
    notes: [
      ...twice.map((manifest) => `${manifest.whereIs([])}: the same object comes again later, and replaces this one`),
      ...notes,
    ],
  };
}

function inNamespaces(manifests: Iterable<Manifest>, namespace: string): KubeObject[] {
  return [...manifests].map(({ object }) => ({ ...object, metadata: { namespace, ...object.metadata } }));
}

function documents(objects: readonly object[]): string {
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

function byIdentity(manifests: readonly Manifest[], namespace: string): Map<string, Manifest> {
  return new Map(manifests.map((manifest) => [identityOf(manifest, namespace), manifest]));
}

function identityOf({ object: { apiVersion, kind, metadata } }: Manifest, namespace: string): string {
  const group = apiVersion.includes('/') ? apiVersion.replace(/\/.*$/, '') : '';
  return [group, kind, metadata.namespace ?? namespace, metadata.name].join(' ');
}

function noEntry(from: string | undefined, protocol: string, entries: readonly MachinePort[]): string {
  const names = [...new Set(entries.filter(({ entry }) => entry.protocol === protocol).map(({ entry }) => entry.name))];
  if (names.length === 0) return `no Service has a pod that could begin over ${protocol}`;
  return `no Service ${from} has a pod that could begin over ${protocol}: there are ${names.join(', ')}`;
}
