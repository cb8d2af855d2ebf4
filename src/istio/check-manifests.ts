import { MeshmockError } from '../error/meshmock-error.ts';
import type { Crd, Kind, Kinds } from './api/kinds.ts';
import type { SchemaProblem, Schemas } from './api/schemas.ts';
import type { Change, Store } from './api/store.ts';
import type { Manifest } from './manifest.ts';
import { dataNamesOf, ownContainer } from './mock-container.ts';
import type { Addresses } from './network.ts';
import { groupOf, isWorkload, type KubeObject, kubectlName, type Service, selects, type Workload } from './objects.ts';

/** An object that is to be applied, of a kind that is known. */
export interface Checked {
  readonly kind: Kind;
  readonly object: KubeObject;
  readonly title: string;
  readonly whereIs: Manifest['whereIs'];
}

/** What became of an object, in kubectl's words. */
export interface AppliedObject {
  readonly title: string;
  readonly change: Change | 'deleted' | 'not found';
}

/** Kinds that are taken in, and what nobody does with them. */
const withoutEffect: Readonly<Record<string, string>> = {
  PodDisruptionBudget: 'nobody evicts pods',
  HorizontalPodAutoscaler: 'the replicas stay as they are',
  NetworkPolicy: 'there is no network plugin that keeps it',
  Ingress: 'use a Gateway',
  IngressClass: 'use a Gateway',
  ConfigMap: 'only variables of meshmocks are taken from it, when their pods start; the mesh has its own',
  Secret: 'only variables of meshmocks are taken from it, when their pods start',
  MutatingWebhookConfiguration: 'the API asks istiod alone',
  ValidatingWebhookConfiguration: 'the API asks istiod alone',
  Node: 'pods run here',
  Endpoints: 'istiod reads EndpointSlices',
  WorkloadGroup: 'no machine joins the mesh by itself',
};

/**
 * Splits manifests into objects of known kinds, with their namespaces, and words about those that cannot be run.
 *
 * @throws MeshmockError `usage` with every place that a schema does not take
 */
export function checkManifests(
  manifests: readonly Manifest[],
  { kinds, schemas, namespace }: { readonly kinds: Kinds; readonly schemas: Schemas; readonly namespace: string },
): { readonly checked: Checked[]; readonly leftOut: string[] } {
  const checked: Checked[] = [];
  const leftOut: string[] = [];
  const problems: string[] = [];
  for (const { object, whereIs } of manifests) {
    const kind = kinds.of(object);
    const title = kubectlName(object);
    if (kind === undefined && kinds.hasGroupOf(object) && !schemas.knows(object)) {
      problems.push(`${whereIs(['kind'])}: ${title}: there is no kind ${object.kind} in ${object.apiVersion}`);
      continue;
    }
    if (kind === undefined) {
      leftOut.push(`${title}: ${object.kind} of ${object.apiVersion} is nothing that a mesh without a cluster runs`);
      continue;
    }
    const found = [...schemas.problemsOf(object), ...nameProblems(object, kind), ...selectorProblems(object)];
    problems.push(...found.map((problem) => problemText(problem, title, whereIs)));
    const own = kind.namespaced ? { namespace: object.metadata.namespace ?? namespace } : {};
    const complete = { ...object, metadata: { ...object.metadata, ...own } };
    checked.push({ ...asWorkload(complete, kind, kinds), title, whereIs });
  }
  if (problems.length > 0) throw new MeshmockError('usage', problems.join('\n'));
  if (manifests.length === 0) throw new MeshmockError('usage', 'there is no object in what was given');
  const read = dataRead(checked);
  for (const { kind, object, title } of checked) {
    const idle = read.has(`${kind.kind}/${object.metadata.name}`) ? undefined : withoutEffect[kind.kind];
    leftOut.push(...[idle, gatewayLeftOut(object)].flatMap((why) => (why ? [`${title}: ${why}`] : [])));
  }
  return { checked, leftOut };
}

/** What variables of meshmocks are taken from, as `ConfigMap/NAME`. */
function dataRead(checked: readonly Checked[]): ReadonlySet<string> {
  const workloads = checked.map(({ object }) => object).filter(isWorkload);
  const own = workloads.map(({ spec }) => ownContainer(spec.template.spec)).filter((one) => one !== undefined);
  return new Set(own.flatMap(dataNamesOf));
}

function problemText({ path, message, isWhole }: Problem, title: string, whereIs: Manifest['whereIs']): string {
  return `${whereIs(path)}: ${title}: ${isWhole ? '' : `${path.join('.')}: `}${message}`;
}

/** One that a schema does not know of has a message that stands without its path. */
interface Problem extends SchemaProblem {
  readonly isWhole?: true;
}

/** RFC 1123 names, as Kubernetes wants them ("Object Names and IDs"): they become names of files here as well. */
function nameProblems({ metadata: { name, namespace } }: KubeObject, { namespaced }: Kind): Problem[] {
  const isSubdomain = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
  const isLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
  const problems: Problem[] = [];
  const refuse = (field: string, value: string, what: string): void => {
    const message = `"${value}" is no ${what}: expected lower-case letters, digits and "-"`;
    problems.push({ path: ['metadata', field], message, isWhole: true });
  };
  if (!isSubdomain.test(name)) refuse('name', name, 'name');
  if (namespaced && namespace !== undefined && !isLabel.test(namespace)) refuse('namespace', namespace, 'namespace');
  return problems;
}

/** As the API server does for workloads: who does not select its own pods would never have any. */
function selectorProblems(object: KubeObject): Problem[] {
  if (!isWorkload(object)) return [];
  const { selector, template } = object.spec as Partial<Workload['spec']>;
  const { matchLabels } = selector ?? {};
  if (matchLabels === undefined || selects(matchLabels, template?.metadata?.labels)) return [];
  const message = 'the labels of the template do not match the selector';
  return [{ path: ['spec', 'selector'], message, isWhole: true }];
}

/** A pod that stands alone is a workload with one: the pods of the API are those that run. */
function asWorkload(object: KubeObject, kind: Kind, kinds: Kinds): { kind: Kind; object: KubeObject } {
  const replicaSet = kinds.of({ apiVersion: 'apps/v1', kind: 'ReplicaSet' });
  if (kind.kind !== 'Pod' || kind.group !== '' || replicaSet === undefined) return { kind, object };
  const { name, namespace, labels = {}, annotations = {} } = object.metadata;
  const spec = {
    ...{ replicas: 1, selector: { matchLabels: labels } },
    template: { metadata: { labels, annotations }, spec: object.spec },
  };
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), labels };
  return { kind: replicaSet, object: { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata, spec } };
}

function gatewayLeftOut({ apiVersion, kind, spec }: KubeObject): string | undefined {
  if (kind !== 'Gateway' || !apiVersion.startsWith('gateway.networking.k8s.io/')) return undefined;
  const { gatewayClassName } = spec as { gatewayClassName: string };
  return gatewayClassName === 'istio' ? undefined : `no gateway of class ${gatewayClassName} runs here, only istio`;
}

/** Whether istiod's webhook has a say about an object. */
export function isIstios(object: KubeObject): boolean {
  return groupOf(object).endsWith('istio.io');
}

/** What the API server fills in. */
export function withDefaults(object: KubeObject, store: Store, kind: Kind, addresses: Addresses): KubeObject {
  if (kind.kind !== 'Service' || kind.group !== '') return object;
  const { spec } = object as Service;
  const old = store.get(kind, object.metadata.namespace, object.metadata.name) as Service | undefined;
  const isExternal = spec.type === 'ExternalName';
  const clusterIP = spec.clusterIP || old?.spec.clusterIP || addresses.service();
  addresses.reserve(clusterIP);
  const ports = spec.ports?.map((port) => ({
    ...port,
    protocol: port.protocol ?? 'TCP',
    targetPort: port.targetPort ?? port.port,
  }));
  return {
    ...object,
    spec: {
      ...spec,
      type: spec.type ?? 'ClusterIP',
      ...(isExternal ? {} : { clusterIP, clusterIPs: [clusterIP] }),
      ...(ports === undefined ? {} : { ports }),
    },
  };
}

/** CustomResourceDefinitions as istiod sees them: there, and established; schemas it does not read. */
export function establishedCrd(crd: Crd): KubeObject {
  return {
    apiVersion: crd.apiVersion,
    kind: crd.kind,
    metadata: crd.metadata,
    spec: { ...crd.spec, versions: crd.spec.versions.map(({ schema, ...version }) => version) },
    status: {
      conditions: [{ type: 'Established', status: 'True' }],
      acceptedNames: crd.spec.names,
      storedVersions: [],
    },
  };
}
