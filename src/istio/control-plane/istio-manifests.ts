import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { ManifestSource } from '../resources/manifest.ts';
import { type KubeObject, kubectlName } from '../resources/objects.ts';
import { isMapping, type Mapping, mappingIn, parseMapping } from './yaml-mapping.ts';

/** Configuration of Istio's installation. All parts are optional, and later ones override earlier ones. */
export interface IstioOptions {
  /** Name of a profile of Istio, `default` by default. */
  readonly profile?: string;
  /** ConfigMap of an installed injector, as a cluster's manifests contain it. */
  readonly injector?: KubeObject;
  /** IstioOperators. */
  readonly operators?: readonly KubeObject[];
  /** Helm values of istiod's chart as YAML, and the name of their file. */
  readonly values?: ManifestSource;
}

/** Difference between an installation and the one in the prepared data. */
export interface IstioChanges {
  readonly apply: readonly KubeObject[];
  readonly remove: readonly KubeObject[];
  /** Parts of the configuration that have no effect in a local mesh, each as a line of text. */
  readonly notes: readonly string[];
}

export interface IstioctlOptions {
  /** Path of the program. */
  readonly istioctl: string;
  /** Folder with the prepared data. */
  readonly data: string;
}

/**
 * Renders Istio's installation with a user's configuration above that of local meshes. The plain installation is in
 * the prepared data already, so nothing is rendered for it.
 *
 * @returns the objects to apply and to remove at the start
 * @throws MeshmockError `usage` with the messages of istioctl if it refuses the configuration
 * @example const { apply } = await istioManifests({ istioctl, data }, { profile: 'demo' }, signal);
 */
export async function istioManifests(
  { istioctl, data }: IstioctlOptions,
  options: IstioOptions,
  signal: AbortSignal,
): Promise<IstioChanges> {
  const layers = layersOf(options);
  if (layers.length === 0) return { apply: [], remove: [], notes: [] };
  const [own, plain] = await Promise.all(
    [operatorFile, 'istio.yaml'].map((name) => readFile(path.join(data, name), 'utf8')),
  );
  const rendered = await render(
    istioctl,
    [...layers, fixedLayer(parse(own ?? '') as OwnOperator, layers)],
    data,
    signal,
  );
  return { ...changesBetween(plain ?? '', rendered), notes: layers.flatMap(ignoredFields) };
}

const operatorFile = 'operator.yaml';
const maxBytes = 64 * 1024 * 1024;

interface OwnOperator {
  readonly spec: {
    readonly tag: string;
    readonly hub: string;
    readonly values: { readonly pilot: { readonly env: Mapping } };
  };
}

/** Part of a user's configuration, as the spec of an IstioOperator. */
interface Layer {
  readonly name: string;
  readonly spec: Mapping;
}

function layersOf({ profile, injector, operators = [], values }: IstioOptions): Layer[] {
  return [
    ...(injector === undefined ? [] : [injectorLayer(injector)]),
    ...(profile === undefined ? [] : [{ name: '--profile', spec: { profile } }]),
    ...operators.map((one) => ({ name: kubectlName(one), spec: mappingIn(one.spec, kubectlName(one)) })),
    ...(values === undefined ? [] : [{ name: values.name, spec: layerOfValues(parseMapping(values)) }]),
  ];
}

/** In an IstioOperator, the mesh configuration is not one of the Helm values. */
function layerOfValues({ meshConfig, ...values }: Mapping): Mapping {
  return meshConfig === undefined ? { values } : { values, meshConfig };
}

/** Returns a line for each part of a layer that has no effect, because `fixedLayer` overrides it. */
function ignoredFields({ name, spec }: Layer): string[] {
  const { revision = '', namespace = 'istio-system', profile, components, values } = spec;
  const { cni, ztunnel } = mappingIn(components, name);
  const { revision: valuesRevision = revision } = mappingIn(values, name);
  const hasAmbient = profile === 'ambient' || isEnabled(ztunnel);
  return [
    ...(valuesRevision === '' ? [] : [`its istiod has the revision default instead of ${String(valuesRevision)}`]),
    ...(namespace === 'istio-system' ? [] : [`its istiod runs in istio-system instead of ${String(namespace)}`]),
    ...(hasAmbient ? ['it has no ambient mode'] : []),
    ...(isEnabled(cni) && !hasAmbient ? ['its node does the work of the CNI plugin'] : []),
  ].map((text) => `${name}: the local mesh differs: ${text}`);
}

function isEnabled(component: unknown): boolean {
  return isMapping(component) && component.enabled === true;
}

/**
 * Returns the values of an injector that decide about pods: those of proxies and of init containers, and whether the CNI
 * plugin redirects traffic. The others may be those of another version of Istio.
 */
function injectorLayer(injector: KubeObject): Layer {
  const name = kubectlName(injector);
  const { values: text } = mappingIn(injector.data, name);
  const values = typeof text === 'string' ? parseMapping({ name: `${name}: data.values`, text }) : {};
  const { pilot, global, istio_cni } = values;
  const { proxy, proxy_init } = mappingIn(global, name);
  // Before 1.24 the value had another name.
  const hasCni = isEnabled(mappingIn(pilot, name).cni) || isEnabled(istio_cni);
  return {
    name,
    spec: {
      components: { cni: { enabled: hasCni } },
      values: { global: { proxy: withoutImage(proxy, name), proxy_init: withoutImage(proxy_init, name) } },
    },
  };
}

/** The local mesh has its own programs and its own tracer. */
function withoutImage(values: unknown, name: string): Mapping {
  const { image: _, tracer: __, ...others } = mappingIn(values, name);
  return others;
}

/** Reports whether a layer makes the injector leave the redirection of traffic to the CNI plugin. */
function usesCni({ name, spec: { components, values } }: Layer): boolean {
  const { pilot } = mappingIn(values, name);
  return isEnabled(mappingIn(components, name).cni) || isEnabled(isMapping(pilot) ? pilot.cni : undefined);
}

/** Fields of an IstioOperator that have no empty value. */
const fixedFields = ['revision', 'namespace'];

function withoutFixedFields(spec: Mapping): Mapping {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => !fixedFields.includes(name)));
}

/**
 * Values that a local mesh needs, whatever a user configures. Its node does the work of the CNI plugin, so that pods
 * that are injected for it need no rights.
 */
function fixedLayer({ spec: { hub, tag, values } }: OwnOperator, layers: readonly Layer[]): Layer {
  return {
    name: 'the local mesh',
    spec: {
      hub,
      tag,
      // The values for the injector follow from the component, whose own objects are dropped.
      components: { cni: { enabled: layers.some(usesCni) }, ztunnel: { enabled: false } },
      values: {
        revision: '',
        global: { hub, tag, istioNamespace: 'istio-system' },
        pilot: { env: values.pilot.env },
      },
    },
  };
}

async function render(istioctl: string, layers: readonly Layer[], data: string, signal: AbortSignal): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-istio-'));
  try {
    const files = [path.join(data, operatorFile)];
    for (const [index, { spec }] of layers.entries()) {
      const file = path.join(folder, `${index}.yaml`);
      await writeFile(
        file,
        stringify({ apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', spec: withoutFixedFields(spec) }),
      );
      files.push(file);
    }
    const { stdout } = await promisify(execFile)(
      istioctl,
      ['manifest', 'generate', '--force', ...files.flatMap((file) => ['-f', file])],
      { signal, maxBuffer: maxBytes, env: { PATH: process.env.PATH, HOME: folder, KUBECONFIG: '/nonexistent' } },
    );
    return stdout;
  } catch (error) {
    signal.throwIfAborted();
    const { stderr } = error as { stderr?: string };
    throw new MeshmockError('usage', `istioctl refuses the configuration of Istio: ${stderr?.trim() || String(error)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Documents that are the same in both installations are not parsed: most of the text are definitions of kinds. */
function changesBetween(before: string, after: string): Pick<IstioChanges, 'apply' | 'remove'> {
  const [old, now] = [documentsOf(before), documentsOf(after)];
  const objectsOf = (documents: ReadonlySet<string>, others: ReadonlySet<string>): KubeObject[] =>
    [...documents].filter((text) => !others.has(text)).map((text) => parse(text) as KubeObject);
  const changed = objectsOf(now, old)
    .filter(({ metadata: { labels } }) => labels?.['operator.istio.io/component'] !== 'Cni')
    .map(withOwnReplicas);
  const former = new Map(objectsOf(old, now).map((object) => [keyOf(object), object]));
  const kept = new Set(changed.map(keyOf));
  return {
    apply: changed.filter((object) => !isDeepStrictEqual(object, former.get(keyOf(object)))),
    remove: [...former].filter(([key]) => !kept.has(key)).map(([, object]) => object),
  };
}

function documentsOf(yaml: string): ReadonlySet<string> {
  return new Set(
    yaml
      .split(/^---$/m)
      .map((text) => text.trim())
      .filter((text) => text !== ''),
  );
}

function keyOf({ apiVersion, kind, metadata: { namespace = '', name } }: KubeObject): string {
  return [apiVersion.replace(/\/[^/]*$/, ''), kind, namespace, name].join(' ');
}

/**
 * Sets the replicas as in the prepared data: one istiod, since its instances do not elect a leader, and no gateway
 * until something uses it.
 */
function withOwnReplicas(object: KubeObject): KubeObject {
  const { kind, metadata } = object;
  if (kind !== 'Deployment') return object;
  const withReplicas = (replicas: number): KubeObject => ({
    ...object,
    spec: { ...mappingIn(object.spec, metadata.name), replicas },
  });
  if (metadata.labels?.app === 'istiod') return withReplicas(1);
  return metadata.name === 'istio-ingressgateway' ? withReplicas(0) : object;
}
