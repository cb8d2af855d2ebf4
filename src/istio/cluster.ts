import { MeshmockError } from '../plan/error.ts';
import type { Crd, Kind, Kinds } from './api/kinds.ts';
import type { Schemas } from './api/schemas.ts';
import type { Change, Store } from './api/store.ts';
import type { Manifest } from './manifest.ts';
import type { Addresses } from './network.ts';
import { groupOf, type KubeObject, type Service, titleOf } from './objects.ts';

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

/** Kinds that are taken in, and that nothing here acts upon. */
const withoutEffect = new Set([
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
  'NetworkPolicy',
  'Ingress',
  'IngressClass',
]);

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
    const title = titleOf(object);
    if (kind === undefined) {
      leftOut.push(`${title}: ${object.kind} of ${object.apiVersion} is nothing that a mesh without a cluster runs`);
      continue;
    }
    if (withoutEffect.has(kind.kind)) leftOut.push(`${title}: nothing here acts upon a ${kind.kind}`);
    for (const { path, message } of schemas.problemsOf(object))
      problems.push(`${whereIs(path)}: ${title}: ${path.join('.')}: ${message}`);
    const own = kind.namespaced ? { namespace: object.metadata.namespace ?? namespace } : {};
    checked.push({ kind, title, object: { ...object, metadata: { ...object.metadata, ...own } }, whereIs });
  }
  if (problems.length > 0) throw new MeshmockError('usage', problems.join('\n'));
  return { checked, leftOut };
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
  const clusterIP = spec.clusterIP ?? old?.spec.clusterIP ?? addresses.service();
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
