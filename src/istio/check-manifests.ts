import { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import type { Kind, Kinds } from './api/kinds.ts';
import type { SchemaProblem, Schemas } from './api/schemas.ts';
import type { Change } from './api/store.ts';
import type { Manifest } from './manifest.ts';
import { meshmockContainer, usedDataNames } from './mock-container.ts';
import { groupOf, isWorkload, type KubeObject, kubectlName, selects, type Workload } from './objects.ts';

/** Object of a known kind that has passed the checks and can be applied. */
export interface CheckedObject {
  readonly kind: Kind;
  readonly object: KubeObject;
  /** Name of the object as kubectl prints it. */
  readonly title: string;
  readonly whereIs: Manifest['whereIs'];
}

/** Change that was made to an object, in kubectl's words. */
export interface AppliedObject {
  /** Name of the object as kubectl prints it. */
  readonly title: string;
  readonly change: Change | 'deleted' | 'not found';
}

/** Kinds that are accepted but have no effect in a local mesh, each with the reason. */
const withoutEffect: Readonly<Record<string, string>> = {
  PodDisruptionBudget: 'the local mesh evicts no pods',
  HorizontalPodAutoscaler: 'the local mesh does not scale workloads',
  NetworkPolicy: 'the local mesh does not enforce network policies',
  Ingress: 'the local mesh has no ingress controller: use a Gateway',
  IngressClass: 'the local mesh has no ingress controller: use a Gateway',
  ConfigMap: 'the local mesh reads it only for environment variables of meshmock containers',
  Secret: 'the local mesh reads it only for environment variables of meshmock containers',
  MutatingWebhookConfiguration: 'the local mesh calls only the webhook of istiod',
  ValidatingWebhookConfiguration: 'the local mesh calls only the webhook of istiod',
  Node: 'all pods run on this machine',
  Endpoints: 'istiod reads EndpointSlices instead',
  WorkloadGroup: 'virtual machines cannot join the local mesh',
};

/**
 * Checks manifests by their schemas and by rules of the API server, and sets the namespaces of their objects.
 *
 * @returns the objects that can be applied, and a line for each object without effect
 * @throws MeshmockError `usage` with a line for each problem, which begins with file, line and column
 */
export function checkManifests(
  manifests: readonly Manifest[],
  { kinds, schemas, namespace }: { readonly kinds: Kinds; readonly schemas: Schemas; readonly namespace: string },
): { readonly checked: CheckedObject[]; readonly leftOut: string[] } {
  const checked: CheckedObject[] = [];
  const leftOut: string[] = [];
  const problems: string[] = [];
  for (const { object, whereIs } of manifests) {
    const kind = kinds.of(object);
    const title = kubectlName(object);
    if (kind === undefined && kinds.hasGroupOf(object) && !schemas.isKubernetesKind(object)) {
      problems.push(`${whereIs(['kind'])}: ${title}: ${object.apiVersion} has no kind ${object.kind}`);
      continue;
    }
    if (kind === undefined) {
      leftOut.push(`${title}: the local mesh does not run ${object.kind} of ${object.apiVersion}`);
      continue;
    }
    const found = [
      ...schemas.problemsOf(object),
      ...nameProblems(object, kind),
      ...podProblems(object),
      ...selectorProblems(object),
    ];
    problems.push(...found.map((problem) => problemText(problem, title, whereIs)));
    const namespaceField = kind.namespaced ? { namespace: object.metadata.namespace ?? namespace } : {};
    const complete = { ...object, metadata: { ...object.metadata, ...namespaceField } };
    checked.push({ ...asWorkload(complete, kind, kinds), title, whereIs });
  }
  if (problems.length > 0) throw new MeshmockError('usage', problems.join('\n'));
  if (manifests.length === 0) throw new MeshmockError('usage', 'the given manifests contain no object');
  const used = usedData(checked);
  for (const { kind, object, title } of checked) {
    const unused = used.has(`${kind.kind}/${object.metadata.name}`) ? undefined : withoutEffect[kind.kind];
    leftOut.push(...[unused, gatewayLeftOut(object)].flatMap((reason) => (reason ? [`${title}: ${reason}`] : [])));
  }
  return { checked, leftOut };
}

/** Returns the ConfigMaps and Secrets that variables of meshmock containers use, as `ConfigMap/NAME`. */
function usedData(checked: readonly CheckedObject[]): ReadonlySet<string> {
  const workloads = checked.map(({ object }) => object).filter(isWorkload);
  const containers = workloads
    .map(({ spec }) => meshmockContainer(spec.template.spec))
    .filter((one) => one !== undefined);
  return new Set(containers.flatMap(usedDataNames));
}

function problemText({ path, message, isWhole }: Problem, title: string, whereIs: Manifest['whereIs']): string {
  return `${whereIs(path)}: ${title}: ${isWhole ? '' : `${path.join('.')}: `}${message}`;
}

/** Problem of an object. */
interface Problem extends SchemaProblem {
  /** True if the message is complete without the path of the field. */
  readonly isWhole?: true;
}

/**
 * Checks names by RFC 1123, as Kubernetes does ("Object Names and IDs"). Files of a local mesh have these names too.
 */
function nameProblems({ metadata: { name, namespace } }: KubeObject, { namespaced }: Kind): Problem[] {
  const isSubdomain = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
  const isLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
  const problems: Problem[] = [];
  const addProblem = (field: 'name' | 'namespace', value: string): void => {
    const message = `"${value}" is not a valid ${field}: use lower-case letters, digits and "-"`;
    problems.push({ path: ['metadata', field], message, isWhole: true });
  };
  if (!isSubdomain.test(name)) addProblem('name', name);
  if (namespaced && namespace !== undefined && !isLabel.test(namespace)) addProblem('namespace', namespace);
  return problems;
}

/** Checks that a Pod, or the template of a workload, has containers. The schemas do not require them. */
function podProblems(object: KubeObject): Problem[] {
  const isPod = object.apiVersion === 'v1' && object.kind === 'Pod';
  if (!isPod && !isWorkload(object)) return [];
  const path = isPod ? ['spec'] : ['spec', 'template', 'spec'];
  const field = (value: unknown, name: string): unknown => (value as Record<string, unknown> | undefined)?.[name];
  const spec = path.reduce(field, object as unknown) as { readonly containers?: readonly unknown[] } | undefined;
  if (Array.isArray(spec?.containers) && spec.containers.length > 0) return [];
  return [{ path: [...path, 'containers'], message: 'expected at least one container' }];
}

/** Checks that a workload selects its own pods, as the API server does. */
function selectorProblems(object: KubeObject): Problem[] {
  if (!isWorkload(object)) return [];
  const { selector, template } = object.spec as Partial<Workload['spec']>;
  const { matchLabels } = selector ?? {};
  if (matchLabels === undefined || selects(matchLabels, template?.metadata?.labels)) return [];
  const message = 'the labels of the template do not match the selector';
  return [{ path: ['spec', 'selector'], message, isWhole: true }];
}

/** Replaces a Pod by a ReplicaSet with one replica. The Pods in the API are only those that run. */
function asWorkload(object: KubeObject, kind: Kind, kinds: Kinds): { kind: Kind; object: KubeObject } {
  const replicaSet = kinds.of({ apiVersion: 'apps/v1', kind: 'ReplicaSet' });
  if (kind.kind !== 'Pod' || kind.group !== '' || replicaSet === undefined) return { kind, object };
  const { name, namespace, labels = {}, annotations = {} } = object.metadata;
  const spec = {
    replicas: 1,
    selector: { matchLabels: labels },
    template: { metadata: { labels, annotations }, spec: object.spec },
  };
  const metadata = { name, ...optional('namespace', namespace), labels };
  return { kind: replicaSet, object: { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata, spec } };
}

function gatewayLeftOut({ apiVersion, kind, spec }: KubeObject): string | undefined {
  if (kind !== 'Gateway' || !apiVersion.startsWith('gateway.networking.k8s.io/')) return undefined;
  const { gatewayClassName } = spec as { gatewayClassName: string };
  return gatewayClassName === 'istio'
    ? undefined
    : `the local mesh runs only gateways of the class istio, not ${gatewayClassName}`;
}

/** Reports whether an object is of a kind of Istio, which istiod's webhook validates. */
export function isIstioObject(object: KubeObject): boolean {
  return groupOf(object).endsWith('istio.io');
}
