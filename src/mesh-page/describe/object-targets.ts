import { isJsonObject, type Json, type JsonObject, objectsAt, textAt, valueAt } from '../../diff/pieces/json.ts';
import { groupOf, type KubeObject, namespaceOf } from '../../istio/resources/objects.ts';
import { fullHost } from '../../istio/resources/routes.ts';
import { pairsAt, presentFields, shownAt } from './fields.ts';
import { list } from './words.ts';

const specs = new WeakMap<object, Json>();

/** Returns the spec of an object, without fields that count as absent. Nothing is known about the types of the others. */
export function specOf({ spec }: KubeObject): Json {
  if (typeof spec !== 'object' || spec === null) return {};
  const known = specs.get(spec);
  if (known !== undefined) return known;
  const present = presentFields(spec) ?? {};
  specs.set(spec, present);
  return present;
}

/** Returns the pods for which an object with a selector is. */
export function targetText(object: KubeObject, rootNamespace: string): string {
  const spec = specOf(object);
  const namespace = namespaceOf(object);
  const labels = selectorOf(object);
  if (labels.length > 0) {
    const selected = labels.map(([name, value]) => `${name}=${value}`);
    const place = namespace === rootNamespace ? 'all namespaces' : `namespace ${namespace}`;
    return `pods with ${selected.join(' and ')} in ${place}`;
  }
  const refs = targetRefsOf(spec);
  if (refs.length > 0) return list(refs.map((ref) => `${shownAt(ref, 'kind')} ${shownAt(ref, 'name')}`));
  return namespace === rootNamespace ? 'all pods of the mesh' : `all pods in namespace ${namespace}`;
}

/** Returns the references of a policy to its targets; older fields have one only. */
function targetRefsOf(spec: Json): JsonObject[] {
  const one = valueAt(spec, 'targetRef');
  return [...objectsAt(spec, 'targetRefs'), ...(isJsonObject(one) ? [one] : [])];
}

/** Returns the labels that an object selects; none if it selects all pods. */
function selectorOf(object: KubeObject): (readonly [name: string, value: string])[] {
  const spec = specOf(object);
  const isSelector = valueAt(spec, 'selector', 'matchLabels') !== undefined;
  return isSelector ? pairsAt(spec, 'selector', 'matchLabels') : pairsAt(spec, 'workloadSelector', 'labels');
}

/** Reports whether an object with a selector is for a pod. */
export function appliesTo(
  object: KubeObject,
  pod: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
  rootNamespace: string,
): boolean {
  const namespace = namespaceOf(object);
  const spec = specOf(object);
  if (object.kind === 'Gateway') return isOfGateway(object, pod);
  if (namespace !== pod.namespace && namespace !== rootNamespace) return false;
  const refs = targetRefsOf(spec);
  if (refs.length > 0)
    return refs.some((ref) => pod.labels['gateway.networking.k8s.io/gateway-name'] === textAt(ref, 'name'));
  return selectorOf(object).every(([name, value]) => pod.labels[name] === value);
}

/** Reports whether a Gateway is served by a pod. Those of Istio select pods in any namespace. */
function isOfGateway(object: KubeObject, { labels }: { readonly labels: Readonly<Record<string, string>> }): boolean {
  if (groupOf(object) !== 'networking.istio.io')
    return labels['gateway.networking.k8s.io/gateway-name'] === object.metadata.name;
  return pairsAt(specOf(object), 'selector').every(([name, value]) => labels[name] === value);
}

/**
 * Returns the destinations to which an object lets proxies send copies of requests, as in the names of Envoy's clusters.
 *
 * @example
 * mirrorTargets(virtualService); // ['v2|reviews.default.svc.cluster.local']
 */
export function mirrorTargets(object: KubeObject): string[] {
  const spec = specOf(object);
  const namespace = namespaceOf(object);
  const ofIstio = objectsAt(spec, 'http').flatMap((rule) =>
    [valueAt(rule, 'mirror'), ...objectsAt(rule, 'mirrors').map((one) => valueAt(one, 'destination'))].map(
      (one) => [textAt(one, 'subset') ?? '', textAt(one, 'host')] as const,
    ),
  );
  const ofApi = objectsAt(spec, 'rules').flatMap((rule) =>
    objectsAt(rule, 'filters').map((filter) => {
      const backend = valueAt(filter, 'requestMirror', 'backendRef');
      const name = textAt(backend, 'name');
      return ['', name && fullHost(name, textAt(backend, 'namespace') ?? namespace)] as const;
    }),
  );
  return [...ofIstio, ...ofApi].flatMap(([subset, host]) =>
    host === undefined ? [] : [`${subset}|${fullHost(host, namespace)}`],
  );
}

/** Reports whether a policy only logs what it would do. */
export function isDryRun({ metadata }: KubeObject): boolean {
  return metadata.annotations?.['istio.io/dry-run'] === 'true';
}
