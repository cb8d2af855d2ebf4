import { MeshmockError } from '../error/meshmock-error.ts';
import { type ManifestObject, objectMetadata } from './manifest-object.ts';
import type { MeshService } from './mesh-service.ts';

/**
 * Returns a DestinationRule with a subset for each version, and a VirtualService that sends all requests to the first
 * version. A service with one version has neither.
 *
 * @throws MeshmockError `usage` if two versions have the same subset
 */
export function istioObjectsOf({ name, namespace, versions }: MeshService): ManifestObject[] {
  if (versions.length < 2) return [];
  const metadata = objectMetadata(name, namespace);
  if (new Set(versions.map(({ version }) => subsetName(version))).size < versions.length)
    throw new MeshmockError(
      'usage',
      `${name}: two versions have the same subset, since "." becomes "-": rename one of them`,
    );
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

/** Returns the name of a version's subset, which is a DNS label. */
function subsetName(version: string): string {
  return version.replaceAll('.', '-');
}
