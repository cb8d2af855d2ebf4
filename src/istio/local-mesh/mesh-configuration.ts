import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import type { MeshProvider } from '../analysis/known-hosts.ts';
import type { ClusterView } from '../cluster/cluster-view.ts';
import { type IstioChanges, istioManifests } from '../control-plane/istio-manifests.ts';
import { type LocalMeshConfig, localMeshConfig, unknownMeshFields } from '../control-plane/mesh-config.ts';
import { isMapping, type Mapping, mappingIn, mergeMappings, parseMapping } from '../control-plane/yaml-mapping.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { KubeError } from '../kube-api/kube-error.ts';
import { routeLogFormat } from '../observe/access-log.ts';
import type { Manifest, ManifestSource } from '../resources/manifest.ts';
import { groupOf, type KubeObject } from '../resources/objects.ts';
import type { InstalledTools } from '../tools/install-tools.ts';
import { installChanges } from './install-changes.ts';
import type { IstiodApi } from './sync/istiod-api.ts';

/** A user's configuration of Istio, besides what the manifests contain. */
export interface IstioSettings {
  /** Name of a profile of Istio. */
  readonly profile?: string;
  /** Helm values of istiod's chart. */
  readonly values?: ManifestSource;
  /** Mesh configuration. */
  readonly meshConfig?: ManifestSource;
}

interface ConfigMap extends KubeObject {
  data?: { mesh?: string };
}

const configMapRef = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' } };
const pollMs = 20;
/** istiod reads a new mesh configuration within a second. */
const reloadTimeoutMs = 5000;

/** Reports whether an object is an IstioOperator, which istioctl and not the API server takes. */
export function isIstioOperator(object: KubeObject): boolean {
  return object.kind === 'IstioOperator' && groupOf(object) === 'install.istio.io';
}

function isInjectorConfigMap({ apiVersion, kind, metadata }: KubeObject): boolean {
  return (
    apiVersion === 'v1' &&
    kind === 'ConfigMap' &&
    metadata.namespace === 'istio-system' &&
    /^istio-sidecar-injector(-|$)/.test(metadata.name)
  );
}

/** Installation and mesh configuration of a local mesh's istiod. */
export class MeshConfiguration {
  private readonly changes: IstioChanges;
  /** The user's mesh configuration of the start. */
  private readonly given: Mapping;
  private readonly options: Parameters<typeof localMeshConfig>[1];
  /** Mesh configuration of the installation, with the user's one from the command line. */
  private base: Mapping = {};
  private current: LocalMeshConfig = { text: '', marker: '', rootNamespace: 'istio-system' };

  private constructor(changes: IstioChanges, given: Mapping, options: Parameters<typeof localMeshConfig>[1]) {
    this.changes = changes;
    this.given = given;
    this.options = options;
  }

  /**
   * Renders a user's installation of Istio.
   *
   * @param installed IstioOperators and the ConfigMap of an injector, from the manifests
   * @throws MeshmockError `usage` if a file is not YAML, or istioctl refuses it
   */
  static async read(
    { profile, values, meshConfig }: IstioSettings,
    installed: readonly KubeObject[],
    { tools, logRoutes }: { readonly tools: InstalledTools; readonly logRoutes: boolean },
    signal: AbortSignal,
  ): Promise<MeshConfiguration> {
    const given = meshConfig === undefined ? {} : parseMapping(meshConfig);
    const options = {
      ...optional('profile', profile),
      ...optional('injector', installed.find(isInjectorConfigMap)),
      operators: installed.filter(isIstioOperator),
      ...optional('values', values),
    };
    const [changes, operator] = await Promise.all([
      istioManifests(tools, options, signal),
      readFile(path.join(tools.data, 'operator.yaml'), 'utf8'),
    ]);
    const own = parse(operator) as { spec: { meshConfig: { extensionProviders: readonly Mapping[] } } };
    const logFields = { accessLogFile: '/dev/stdout', accessLogEncoding: 'TEXT', accessLogFormat: routeLogFormat };
    return new MeshConfiguration(changes, given, {
      ownProviders: own.spec.meshConfig.extensionProviders,
      fixed: {
        defaultConfig: { discoveryAddress: 'istiod.istio-system.svc:15012' },
        ...(logRoutes ? logFields : {}),
      },
    });
  }

  /** Parts of the configuration that have no effect in a local mesh, each as a line of text. */
  get notes(): readonly string[] {
    return this.changes.notes;
  }

  /** Namespace whose objects apply to the whole mesh. */
  get rootNamespace(): string {
    return this.current.rootNamespace;
  }

  /** Extension providers, with those that Istio has by default. */
  get providers(): readonly MeshProvider[] {
    const { extensionProviders } = parse(this.current.text) as { extensionProviders: readonly Mapping[] };
    const ofIstio = ['prometheus', 'stackdriver', 'envoy'].map((name) => ({ name, service: undefined }));
    return [...extensionProviders.map(providerOf), ...ofIstio];
  }

  /**
   * Installs the configuration before istiod starts.
   *
   * @returns the manifests, with the mesh configuration as istiod gets it
   */
  async install(client: KubeClient, manifests: readonly Manifest[], signal: AbortSignal): Promise<readonly Manifest[]> {
    await installChanges(client, this.changes, signal);
    const installed = await client.get<ConfigMap>(configMapRef, signal);
    const rendered = parseMapping({ name: 'the ConfigMap istio', text: installed?.data?.mesh ?? '' });
    this.base = mergeMappings(rendered, this.given);
    const inManifests = manifests.filter(({ object }) => isMeshConfigMap(object)).map(meshOf);
    this.current = this.merged([rendered, ...inManifests, this.given]);
    await client.patch(configMapRef, { data: { mesh: this.current.text } }, 'merge', {}, signal);
    return manifests.map((manifest) => withMesh(manifest, this.current));
  }

  /** Completes the mesh configuration whenever another program, such as kubectl, changes or deletes it. */
  follow(client: KubeClient, view: ClusterView, signal: AbortSignal): void {
    view.onChange(['ConfigMap'], () => {
      const data = view.data('ConfigMap', 'istio-system', 'istio');
      const text = data?.mesh ?? '';
      const wanted = this.textFor(text);
      if (wanted === text || wanted === undefined) return;
      const written =
        data === undefined
          ? this.restore(client, signal)
          : client.patch(configMapRef, { data: { mesh: wanted } }, 'merge', {}, signal);
      written.catch(() => {
        // The mesh ends, or the next change begins the next attempt.
      });
    });
  }

  /** Creates the ConfigMap of the start if it does not exist. Without it, istiod has the defaults of its build. */
  private async restore(client: KubeClient, signal: AbortSignal): Promise<void> {
    try {
      await client.create(this.original().object, {}, signal);
    } catch (error) {
      if (!(error instanceof KubeError && error.status === 409)) throw error;
    }
  }

  /** Returns the text that istiod gets for a user's one; undefined if that is not YAML, which istiod refuses. */
  private textFor(text: string): string | undefined {
    try {
      return this.merged([this.base, parseMapping({ name: 'configmap/istio', text })]).text;
    } catch {
      return undefined;
    }
  }

  /** Returns manifests in which the mesh configuration is as istiod gets it. */
  complete(manifests: readonly Manifest[]): readonly Manifest[] {
    return manifests.map((manifest) =>
      isMeshConfigMap(manifest.object) ? withMesh(manifest, this.merged([this.base, meshOf(manifest)])) : manifest,
    );
  }

  /** Returns the manifest of the mesh configuration from the start. */
  original(): Manifest {
    const object = { ...configMapRef, data: { mesh: this.merged([this.base]).text } };
    return { object, whereIs: () => 'the mesh configuration of the start' };
  }

  /**
   * Waits until istiod uses the mesh configuration of the API.
   *
   * @returns whether it is another one than before, and warnings about fields that istiod does not know
   * @throws MeshmockError `usage` if istiod refuses it
   */
  async inEffect(
    client: KubeClient,
    istiod: IstiodApi,
    signal: AbortSignal,
  ): Promise<{ readonly isChanged: boolean; readonly warnings: string[] }> {
    let map = await client.get<ConfigMap>(configMapRef, signal);
    if (map === undefined) {
      await this.restore(client, signal);
      map = await client.get<ConfigMap>(configMapRef, signal);
    }
    const config = parseMapping({ name: 'configmap/istio', text: map?.data?.mesh ?? '' });
    // Another program may have written a part only, which `follow` completes at this moment.
    const wanted = this.merged([this.base, config]);
    const endMs = performance.now() + reloadTimeoutMs;
    for (;;) {
      const active = await istiod.meshConfig(signal);
      if (active.includes(wanted.marker)) {
        const isChanged = wanted.marker !== this.current.marker;
        this.current = wanted;
        const unknown = unknownMeshFields(config, JSON.parse(active) as Mapping);
        const warnings = unknown.map(
          (field) => `mesh configuration: istiod ignores ${field}, a field that it does not know`,
        );
        return { isChanged, warnings };
      }
      if (performance.now() > endMs) throw refusal(await istiod.logs.since());
      await sleep(pollMs, undefined, { signal });
    }
  }

  private merged(parts: readonly Mapping[]): LocalMeshConfig {
    return localMeshConfig(parts.reduce(mergeMappings), this.options);
  }
}

/** Reports whether an object is the ConfigMap from which istiod reads the mesh configuration. */
export function isMeshConfigMap({ apiVersion, kind, metadata }: KubeObject): boolean {
  return (
    apiVersion === 'v1' && kind === 'ConfigMap' && metadata.name === 'istio' && metadata.namespace === 'istio-system'
  );
}

function meshOf({ object, whereIs }: Manifest): Mapping {
  const { data } = object as ConfigMap;
  return parseMapping({ name: whereIs(['data', 'mesh']), text: data?.mesh ?? '' });
}

function withMesh(manifest: Manifest, { text }: LocalMeshConfig): Manifest {
  const { object, whereIs } = manifest;
  if (!isMeshConfigMap(object)) return manifest;
  return { object: { ...object, data: { ...mappingIn(object.data, 'data'), mesh: text } }, whereIs };
}

function refusal(log: string): MeshmockError {
  const [, reason = 'its log does not say why'] = [...log.matchAll(/\tinvalid mesh config[^:]*: (.*)$/gm)].at(-1) ?? [];
  return new MeshmockError('usage', `istiod refuses the mesh configuration: ${reason}`);
}

function providerOf({ name, ...types }: Mapping): MeshProvider {
  const [[type, settings] = []] = Object.entries(types);
  const service = isMapping(settings) ? settings.service : undefined;
  // The service may begin with its namespace, as in `default/authz.example.com`.
  const host = typeof service === 'string' ? service.replace(/^.*\//, '') : undefined;
  return { name: String(name), ...optional('type', type), service: host };
}
