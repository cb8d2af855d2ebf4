import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { parse, stringify, YAMLParseError } from 'yaml';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { KubeObject } from '../resources/objects.ts';

/** Configuration of Istio's installation. All parts are optional texts, and later ones override earlier ones. */
export interface IstioOptions {
  /** Name of a profile of Istio, `default` by default. */
  readonly profile?: string;
  /** IstioOperator as YAML. */
  readonly operator?: string;
  /** Helm values of istiod's chart as YAML. */
  readonly values?: string;
  /** Mesh configuration as YAML, such as `data.mesh` of the ConfigMap `istio`. */
  readonly meshConfig?: string;
}

/** Difference between an installation and the one in the prepared data. */
export interface IstioChanges {
  readonly apply: readonly KubeObject[];
  readonly remove: readonly KubeObject[];
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
 * @example const { apply } = await istioManifests({ istioctl, data }, { meshConfig: 'enableTracing: false' }, signal);
 */
export async function istioManifests(
  { istioctl, data }: IstioctlOptions,
  options: IstioOptions,
  signal: AbortSignal,
): Promise<IstioChanges> {
  const layers = layersOf(options);
  if (layers.length === 0) return { apply: [], remove: [] };
  const [own, plain] = await Promise.all(
    [operatorFile, 'istio.yaml'].map((name) => readFile(path.join(data, name), 'utf8')),
  );
  const ownSpec = mapping('the IstioOperator', parse(own ?? '').spec);
  const rendered = await render(istioctl, [...layers, ...withOwnProvider(layers, ownSpec)], data, signal);
  return changesBetween(plain ?? '', rendered);
}

const operatorFile = 'operator.yaml';
const maxBytes = 64 * 1024 * 1024;

type Mapping = Readonly<Record<string, unknown>>;

function layersOf({ profile, operator, values, meshConfig }: IstioOptions): Mapping[] {
  return [
    ...(profile === undefined ? [] : [{ profile }]),
    ...(operator === undefined ? [] : [mapping('the IstioOperator', parseYaml('the IstioOperator', operator).spec)]),
    ...(values === undefined ? [] : [layerOfValues(parseYaml('the Helm values', values))]),
    ...(meshConfig === undefined ? [] : [{ meshConfig: parseYaml('the mesh configuration', meshConfig) }]),
  ];
}

/** In an IstioOperator, the mesh configuration is not one of the Helm values. */
function layerOfValues({ meshConfig, ...values }: Mapping): Mapping {
  return meshConfig === undefined ? { values } : { values, meshConfig };
}

/** Returns a layer in which the provider of local meshes is in the user's list. istioctl replaces whole lists. */
function withOwnProvider(layers: readonly Mapping[], own: Mapping): Mapping[] {
  const providersOf = (layer: Mapping): readonly Mapping[] | undefined =>
    (layer.meshConfig as { extensionProviders?: readonly Mapping[] } | undefined)?.extensionProviders;
  const last = layers.map(providersOf).findLast((providers) => providers !== undefined);
  if (last === undefined) return [];
  const names = new Set(last.map(({ name }) => name));
  const missing = (providersOf(own) ?? []).filter(({ name }) => !names.has(name));
  return [{ meshConfig: { extensionProviders: [...last, ...missing] } }];
}

function parseYaml(what: string, text: string): Mapping {
  try {
    return mapping(what, parse(text));
  } catch (error) {
    if (error instanceof YAMLParseError) throw new MeshmockError('usage', `${what}: ${error.message}`);
    throw error;
  }
}

function mapping(what: string, value: unknown): Mapping {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new MeshmockError('usage', `${what} must be a mapping of YAML`);
  return value as Mapping;
}

async function render(
  istioctl: string,
  layers: readonly Mapping[],
  data: string,
  signal: AbortSignal,
): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-istio-'));
  try {
    const files = [path.join(data, operatorFile)];
    for (const [index, spec] of layers.entries()) {
      const file = path.join(folder, `${index}.yaml`);
      await writeFile(file, stringify({ apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', spec }));
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
function changesBetween(before: string, after: string): IstioChanges {
  const [old, now] = [documentsOf(before), documentsOf(after)];
  const objectsOf = (documents: ReadonlySet<string>, others: ReadonlySet<string>): KubeObject[] =>
    [...documents].filter((text) => !others.has(text)).map((text) => parse(text) as KubeObject);
  const changed = objectsOf(now, old).map(withOwnReplicas);
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
    spec: { ...(object.spec as Mapping), replicas },
  });
  if (metadata.labels?.app === 'istiod') return withReplicas(1);
  return metadata.name === 'istio-ingressgateway' ? withReplicas(0) : object;
}
