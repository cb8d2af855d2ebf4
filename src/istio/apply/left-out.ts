import { istioExtensions } from '../resources/envoy-extensions.ts';
import { groupOf, type KubeObject, namespaceOf, type Service, selects, type Workload } from '../resources/objects.ts';

/** Kinds that no manifest for a local mesh needs, each with the reason. */
const leftOutKinds: Readonly<Record<string, string>> = {
  Event: 'it only reports the past',
  Lease: 'it belongs to a program of the cluster',
  Node: 'all pods run on this machine',
  CSINode: 'all pods run on this machine',
  ComponentStatus: 'it only reports the past',
  ControllerRevision: 'made by a controller',
  APIService: 'the local mesh has no further API servers',
  PriorityLevelConfiguration: 'it is about the load of an API server',
  FlowSchema: 'it is about the load of an API server',
};

const systemNamespaces = ['kube-system', 'kube-public', 'kube-node-lease'];

/** Kinds that controllers make from other objects, and the kinds from which they do. */
const madeFrom: Readonly<Record<string, readonly string[]>> = {
  ReplicaSet: ['Deployment', 'Rollout'],
  Pod: ['ReplicaSet', 'ReplicationController', 'StatefulSet', 'DaemonSet', 'Job', 'Node'],
  Job: ['CronJob'],
  Deployment: ['Gateway'],
  Service: ['Gateway'],
  ServiceAccount: ['Gateway'],
  HorizontalPodAutoscaler: ['Gateway'],
  PodDisruptionBudget: ['Gateway'],
};

/** Kinds with a selector of the pods that are made from them. */
const templateKinds = ['Deployment', 'Rollout', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job'];

/**
 * Returns the function that reports why the local mesh leaves an object out: a cluster or a controller makes it, or it
 * is about the machinery of a cluster. The function returns undefined for an object to apply.
 *
 * @param all all objects that are applied together
 */
export function leftOutReasons(all: readonly KubeObject[]): (object: KubeObject) => string | undefined {
  const keys = new Set(all.map((object) => `${object.kind}/${namespaceOf(object)}/${object.metadata.name}`));
  const templates = all.filter(({ kind }) => templateKinds.includes(kind)) as Workload[];
  const services = all.filter(({ kind, apiVersion }) => kind === 'Service' && apiVersion === 'v1') as Service[];
  const isIn = (object: KubeObject, kind: string, name: string): boolean =>
    keys.has(`${kind}/${namespaceOf(object)}/${name}`);
  return (object) =>
    machineryReason(object) ??
    istioBuildReason(object) ??
    generatedReason(object) ??
    endpointsReason(object, services) ??
    ownerReason(object);

  function ownerReason(object: KubeObject): string | undefined {
    const owner = ownersOf(object).find(({ kind }) => madeFrom[object.kind]?.includes(kind));
    if (owner === undefined) return undefined;
    // Without its owner, nothing would make the object here.
    const isMade = isIn(object, owner.kind, owner.name) || owner.kind === 'Node' || isFromTemplate(object, templates);
    return isMade ? `made from its ${owner.kind}` : undefined;
  }
}

interface OwnerReference {
  readonly kind: string;
  readonly name: string;
}

function ownersOf({ metadata }: KubeObject): readonly OwnerReference[] {
  return (metadata.ownerReferences ?? []) as readonly OwnerReference[];
}

function isFromTemplate(object: KubeObject, templates: readonly Workload[]): boolean {
  return templates.some(
    (one) =>
      one !== object &&
      namespaceOf(one) === namespaceOf(object) &&
      selects(one.spec?.selector?.matchLabels, object.metadata.labels),
  );
}

function machineryReason(object: KubeObject): string | undefined {
  const { kind, metadata } = object;
  if (metadata.deletionTimestamp !== undefined) return 'it is being deleted';
  const group = groupOf(object);
  if (group === '' || group.endsWith('.k8s.io') || group === 'apps') {
    const reason = leftOutKinds[kind];
    if (reason !== undefined) return reason;
  }
  const namespace = kind === 'Namespace' ? metadata.name : metadata.namespace;
  if (namespace !== undefined && systemNamespaces.includes(namespace)) return 'it belongs to the cluster';
  if (metadata.labels?.['kubernetes.io/bootstrapping'] !== undefined) return 'made by every API server';
  if (kind === 'PriorityClass' && metadata.name.startsWith('system-')) return 'made by every API server';
  return kind.endsWith('WebhookConfiguration') ? 'the local mesh calls only the webhooks of istiod' : undefined;
}

/** Reports an EnvoyFilter with which the public build of Envoy would refuse whole listeners. */
function istioBuildReason(object: KubeObject): string | undefined {
  const { added } = istioExtensions(object);
  return added.length === 0 ? undefined : `only Istio's build of Envoy has ${added.join(', ')}`;
}

const generatedConfigMaps = ['kube-root-ca.crt', 'istio-ca-root-cert', 'istio-ca-crl'];

function generatedReason({ kind, apiVersion, metadata, type }: KubeObject): string | undefined {
  if (apiVersion !== 'v1') return undefined;
  if (kind === 'ConfigMap' && generatedConfigMaps.includes(metadata.name)) return 'every namespace gets its own';
  if (kind === 'Secret' && type === 'kubernetes.io/service-account-token') return 'tokens are made on request';
  if (kind === 'Service' && metadata.name === 'kubernetes' && (metadata.namespace ?? 'default') === 'default')
    return 'made by every API server';
  return undefined;
}

function endpointsReason(object: KubeObject, services: readonly Service[]): string | undefined {
  const { kind, metadata } = object;
  if (kind !== 'EndpointSlice' && kind !== 'Endpoints') return undefined;
  const labels = metadata.labels ?? {};
  const service = kind === 'Endpoints' ? metadata.name : labels['kubernetes.io/service-name'];
  const isManaged = /^endpointslice(mirroring)?-controller\./.test(
    labels['endpointslice.kubernetes.io/managed-by'] ?? '',
  );
  const isSelected = services.some(
    (one) =>
      one.metadata.name === service && namespaceOf(one) === namespaceOf(object) && one.spec.selector !== undefined,
  );
  const isOfApi = service === 'kubernetes' && namespaceOf(object) === 'default';
  return isManaged || isSelected || isOfApi ? 'made from its Service' : undefined;
}

/** Reports whether an object is one that an installation of Istio makes, and not a user. */
export function isOfInstallation(object: KubeObject): boolean {
  const { kind, metadata } = object;
  if (metadata.namespace !== undefined && metadata.namespace !== 'istio-system') return false;
  // It holds the mesh configuration, which is the user's.
  if (kind === 'ConfigMap' && metadata.name === 'istio') return false;
  const labels = metadata.labels ?? {};
  return (
    (kind === 'Namespace' && metadata.name === 'istio-system') ||
    labels['install.operator.istio.io/owning-resource'] !== undefined ||
    labels['operator.istio.io/component'] !== undefined ||
    labels['app.kubernetes.io/part-of'] === 'istio' ||
    (kind === 'Secret' && /^istio(-ca-secret$|\.)/.test(metadata.name)) ||
    (kind === 'ConfigMap' && /^istio-.*(leader|election)$/.test(metadata.name)) ||
    labels.app === 'istiod' ||
    // Its sidecars send spans to this Service. With another selector they would go to a mock.
    (metadata.namespace === 'istio-system' &&
      (kind === 'Service' ? metadata.name : labels['kubernetes.io/service-name']) === 'jaeger-collector')
  );
}
