import { isJsonObject, type Json, objectsAt, textAt, valueAt } from '../../diff/pieces/json.ts';
import { groupOf, type KubeObject, namespaceOf } from '../../istio/resources/objects.ts';
import { list } from './words.ts';

export function specOf(object: KubeObject): Json {
  return (object.spec ?? {}) as Json;
}

export function targetText(object: KubeObject, rootNamespace: string): string {
  const spec = specOf(object);
  const namespace = namespaceOf(object);
  const labels = selectorOf(object);
  if (labels !== undefined) {
    const selected = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
    const place = namespace === rootNamespace ? 'all namespaces' : `namespace ${namespace}`;
    return `pods with ${selected.join(' and ')} in ${place}`;
  }
  const refs = [...objectsAt(spec, 'targetRefs'), ...objectsAt({ refs: [valueAt(spec, 'targetRef') ?? null] }, 'refs')];
  if (refs.length > 0) return list(refs.map((ref) => `${textAt(ref, 'kind')} ${textAt(ref, 'name')}`));
  return namespace === rootNamespace ? 'all pods of the mesh' : `all pods in namespace ${namespace}`;
}

function selectorOf(object: KubeObject): Readonly<Record<string, string>> | undefined {
  const spec = specOf(object);
  const labels = valueAt(spec, 'selector', 'matchLabels') ?? valueAt(spec, 'workloadSelector', 'labels');
  return isJsonObject(labels) && Object.keys(labels).length > 0 ? (labels as Record<string, string>) : undefined;
}

export function appliesTo(
  object: KubeObject,
  pod: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
  rootNamespace: string,
): boolean {
  const namespace = namespaceOf(object);
  const spec = specOf(object);
  if (object.kind === 'Gateway') return isOfGateway(object, pod);
  if (namespace !== pod.namespace && namespace !== rootNamespace) return false;
  const refs = [...objectsAt(spec, 'targetRefs'), ...objectsAt({ refs: [valueAt(spec, 'targetRef') ?? null] }, 'refs')];
  if (refs.length > 0)
    return refs.some((ref) => pod.labels['gateway.networking.k8s.io/gateway-name'] === textAt(ref, 'name'));
  return Object.entries(selectorOf(object) ?? {}).every(([name, value]) => pod.labels[name] === value);
}

function isOfGateway(object: KubeObject, { labels }: { readonly labels: Readonly<Record<string, string>> }): boolean {
  if (groupOf(object) !== 'networking.istio.io')
    return labels['gateway.networking.k8s.io/gateway-name'] === object.metadata.name;
  const selector = (valueAt(specOf(object), 'selector') ?? {}) as Record<string, string>;
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

export function mirrorTargets(object: KubeObject): string[] {
  const spec = specOf(object);
  const namespace = namespaceOf(object);
  const hostOf = (name: string, of = namespace): string =>
    name.includes('.') ? name : `${name}.${of}.svc.cluster.local`;
  const ofIstio = objectsAt(spec, 'http').flatMap((rule) =>
    [valueAt(rule, 'mirror'), ...objectsAt(rule, 'mirrors').map((one) => valueAt(one, 'destination'))].map(
      (one) => [textAt(one, 'subset') ?? '', textAt(one, 'host')] as const,
    ),
  );
  const ofApi = objectsAt(spec, 'rules').flatMap((rule) =>
    objectsAt(rule, 'filters').map((filter) => {
      const backend = valueAt(filter, 'requestMirror', 'backendRef');
      const name = textAt(backend, 'name');
      return ['', name && hostOf(name, textAt(backend, 'namespace'))] as const;
    }),
  );
  return [...ofIstio, ...ofApi].flatMap(([subset, host]) => (host === undefined ? [] : [`${subset}|${hostOf(host)}`]));
}

export function isDryRun({ metadata }: KubeObject): boolean {
  return metadata.annotations?.['istio.io/dry-run'] === 'true';
}
