import { MeshmockError } from '../error/meshmock-error.ts';
import { type ManifestObject, objectMetadata } from './manifest-object.ts';
import type { MeshService } from './mesh-service.ts';

/**
 * What to start from to route between versions: a subset for each, and a route that sends everything to the first.
 * A service with one version needs none.
 *
 * @throws MeshmockError `usage` when two versions would have one subset
 */
export function istioObjectsOf({ name, namespace, versions }: MeshService): ManifestObject[] {
  if (versions.length < 2) return [];
  const metadata = objectMetadata(name, namespace);
  if (new Set(versions.map(({ version }) => subsetName(version))).size < versions.length)
    throw new MeshmockError('usage', `${name}: two versions differ in a dot alone, and would have one subset`);
  const subsets = versions.map(({ version }) => ({ name: subsetName(version), labels: { version } }));
  const route = versions.map(({ version }, index) => ({
    destination: { host: name, subset: subsetName(version) },
    weight: index === 0 ? 100 : 0,
  }));
  return [
    { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec: { host: name, subsets } },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata,
      spec: { hosts: [name], http: [{ route }] },
    },
  ];
}

/** A subset's name is a DNS label. */
function subsetName(version: string): string {
  return version.replaceAll('.', '-');
}
