import type { KubeObject, PodSpec } from '../resources/objects.ts';

type Fields = Record<string, unknown>;

const serverMetadata = [
  'uid',
  'resourceVersion',
  'managedFields',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'selfLink',
  'ownerReferences',
  // Nothing in a local mesh would remove the finalizers of a cluster's other controllers.
  'finalizers',
];

const serverAnnotations = [
  'kubectl.kubernetes.io/last-applied-configuration',
  'deployment.kubernetes.io/revision',
  'deprecated.daemonset.template.generation',
];

/** Reports whether an object was read from an API server, such as by `kubectl get -o yaml`. */
export function isFromServer({ metadata }: KubeObject): boolean {
  return metadata.uid !== undefined || metadata.resourceVersion !== undefined;
}

/**
 * Returns an object without what an API server and its controllers add to it, so that another API server can create it.
 */
export function withoutServerFields(object: KubeObject): KubeObject {
  const metadata = without(object.metadata, serverMetadata) as KubeObject['metadata'];
  const { status: _, ...rest } = { ...object, metadata };
  if (!isFromServer(object)) return rest;
  if (metadata.annotations) metadata.annotations = without(metadata.annotations, serverAnnotations);
  if (rest.spec === undefined || rest.spec === null) return rest;
  return { ...rest, spec: withoutServerSpec(rest, rest.spec as Fields) };
}

function withoutServerSpec({ kind, metadata }: KubeObject, spec: Fields): Fields {
  switch (kind) {
    case 'Service':
      return withoutAddresses(spec);
    case 'Namespace':
      return without(spec, ['finalizers']);
    case 'Pod':
      return withoutInjection(spec as unknown as PodSpec & Fields, metadata);
    case 'Job':
      return withoutJobSelector(spec);
    default:
      return spec;
  }
}

/** Leaves the addresses of a Service to the API server, except that a headless one stays headless. */
function withoutAddresses(spec: Fields): Fields {
  const headless = spec.clusterIP === 'None' ? { clusterIP: 'None' } : {};
  const ports = (spec.ports as Fields[] | undefined)?.map((port) => without(port, ['nodePort']));
  const names = ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'healthCheckNodePort', 'loadBalancerIP'];
  return { ...without(spec, names), ...headless, ...(ports === undefined ? {} : { ports }) };
}

/** Removes what webhooks and the scheduler added to a pod. istiod and the local mesh do so again. */
function withoutInjection(spec: PodSpec & Fields, { annotations = {} }: KubeObject['metadata']): Fields {
  const status = JSON.parse(annotations['sidecar.istio.io/status'] ?? '{}') as Record<string, string[] | null>;
  delete annotations['sidecar.istio.io/status'];
  const isOwn =
    (field: string) =>
    ({ name }: { readonly name: string }): boolean =>
      !status[field]?.includes(name) && !name.startsWith('kube-api-access-');
  const containersOf = (field: 'containers' | 'initContainers'): Fields[] =>
    ((spec[field] ?? []) as readonly (Fields & { name: string })[]).filter(isOwn(field)).map((container) => ({
      ...container,
      volumeMounts: ((container.volumeMounts ?? []) as { name: string }[]).filter(isOwn('volumes')),
    }));
  return {
    ...without(spec, ['nodeName', 'tolerations', 'priority', 'preemptionPolicy']),
    containers: containersOf('containers'),
    initContainers: containersOf('initContainers'),
    volumes: (spec.volumes ?? []).filter(isOwn('volumes')),
  };
}

/** Removes the selector of a Job by its identifier, which the API server makes and does not take. */
function withoutJobSelector(spec: Fields): Fields {
  if (spec.manualSelector === true) return spec;
  const template = spec.template as { metadata?: { labels?: Fields } } | undefined;
  const made = ['controller-uid', 'job-name'].flatMap((name) => [name, `batch.kubernetes.io/${name}`]);
  const metadata = { ...template?.metadata, labels: without(template?.metadata?.labels ?? {}, made) };
  return { ...without(spec, ['selector']), template: { ...template, metadata } };
}

function without<T extends object>(fields: T, names: readonly string[]): T {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name))) as T;
}
