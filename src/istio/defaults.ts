import { optional } from '../error/optional.ts';
import type { Crd, Kind } from './api/kinds.ts';
import type { Store } from './api/store.ts';
import type { Addresses } from './network.ts';
import type { KubeObject, Service } from './objects.ts';

/** Returns an object with the fields that the API server sets. Only Services have such fields here. */
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
      ...optional('ports', ports),
    },
  };
}

/** Returns a CustomResourceDefinition as istiod reads it from a cluster: established, and without its schemas. */
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
