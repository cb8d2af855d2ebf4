import { withoutServerFields } from '../apply/server-fields.ts';
import { meshObjects } from '../control-plane/mesh-objects.ts';
import type { KindRef } from '../kube-api/kinds.ts';
import { groupOf, type KubeObject, namespaceOf } from '../resources/objects.ts';

const kindsOf = (apiVersion: string, ...kinds: readonly string[]): KindRef[] =>
  kinds.map((kind) => ({ apiVersion, kind }));

/** Kinds of objects that configure the mesh, each in the version in which it is read. */
export const configKinds: readonly KindRef[] = [
  ...kindsOf('networking.istio.io/v1', 'VirtualService', 'DestinationRule', 'ServiceEntry', 'Gateway', 'Sidecar'),
  ...kindsOf('networking.istio.io/v1alpha3', 'EnvoyFilter'),
  ...kindsOf('security.istio.io/v1', 'AuthorizationPolicy', 'PeerAuthentication', 'RequestAuthentication'),
  ...kindsOf('telemetry.istio.io/v1', 'Telemetry'),
  ...kindsOf('extensions.istio.io/v1alpha1', 'WasmPlugin'),
  ...kindsOf('gateway.networking.k8s.io/v1', 'Gateway', 'HTTPRoute', 'GRPCRoute', 'TLSRoute'),
  ...kindsOf('gateway.networking.k8s.io/v1alpha2', 'TCPRoute'),
  ...kindsOf('networking.k8s.io/v1', 'Ingress'),
];

/** Reports whether an object configures the mesh. */
export function isConfig(object: KubeObject): boolean {
  return configKinds.some((known) => known.kind === object.kind && groupOf(known) === groupOf(object));
}

/** Returns a key of an object, as the page names it. */
export function configId(object: KubeObject): string {
  return `${object.kind} ${namespaceOf(object)}/${object.metadata.name}`;
}

/** Returns the keys of the objects that the local mesh itself has. */
export function ownIds(rootNamespace: string): ReadonlySet<string> {
  return new Set(meshObjects(rootNamespace).map(configId));
}

/** Returns an object without the fields of the API server. */
export function shownObject(object: KubeObject): KubeObject {
  const shown = withoutServerFields(object);
  const { annotations, ...metadata } = shown.metadata;
  return Object.keys(annotations ?? {}).length > 0 ? shown : { ...shown, metadata };
}

/** Returns the time of an object's last change, in milliseconds since the epoch. A change of its status is none. */
export function changedMs({ metadata }: KubeObject): number {
  const fields = (metadata.managedFields ?? []) as readonly { time?: string; subresource?: string }[];
  const times = fields.filter(({ subresource }) => subresource === undefined).map(({ time = '' }) => Date.parse(time));
  return Math.max(...[Date.parse(metadata.creationTimestamp ?? ''), ...times].filter((time) => !Number.isNaN(time)), 0);
}

/** Reports whether meshmock made the last change of an object. */
export function isOfMeshmock({ metadata }: KubeObject): boolean {
  const fields = (metadata.managedFields ?? []) as readonly { manager?: string; time?: string; subresource?: string }[];
  const [last] = fields
    .filter(({ subresource }) => subresource === undefined)
    .toSorted((one, other) => ((one.time ?? '') < (other.time ?? '') ? 1 : -1));
  return last?.manager === 'meshmock';
}
