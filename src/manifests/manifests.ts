import { Document } from 'yaml';
import { MeshmockError } from '../error/meshmock-error.ts';
import { istioObjectsOf } from './istio-objects.ts';
import type { ManifestObject } from './manifest-object.ts';
import type { MeshService } from './mesh-service.ts';
import { type WorkloadOptions, workloadsOf } from './workloads.ts';

export interface ManifestOptions extends WorkloadOptions {
  /** Namespace of the services, for which a Namespace object is made. The current namespace if absent. */
  readonly namespace?: string;
  /** True to add Istio's objects, and the label for injection to namespaces. */
  readonly istio: boolean;
}

/** Namespaces that exist in every cluster. An object for them would be deleted with the others. */
const builtInNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/**
 * Returns all objects that `kubectl apply` needs to run services.
 *
 * @example
 * const objects = manifestsOf(services, { image: 'meshmock:0.1.0', istio: true });
 * process.stdout.write(writeManifests(objects, 'meshmock manifests /@a|b/'));
 *
 * @throws MeshmockError `usage` if two objects have the same name
 */
export function manifestsOf(services: readonly MeshService[], options: ManifestOptions): ManifestObject[] {
  const placed = services.map((service) => {
    const namespace = service.namespace ?? options.namespace;
    return { ...service, namespace };
  });
  const namespaces = new Set(placed.flatMap(({ namespace }) => namespace ?? []));
  for (const own of builtInNamespaces) namespaces.delete(own);
  const objects = [
    ...[...namespaces].map((name) => namespaceObject(name, options.istio)),
    ...placed.flatMap((service) => workloadsOf(service, options)),
    ...(options.istio ? placed.flatMap(istioObjectsOf) : []),
  ];
  checkNamesDiffer(objects);
  return objects;
}

/**
 * Checks that no two objects have the same name: the second one would replace the first. The Deployment of version
 * `b-v1` of service `a` has the same name as that of version `v1` of service `a-b`.
 */
function checkNamesDiffer(objects: readonly ManifestObject[]): void {
  const titles = new Set<string>();
  for (const { kind, metadata } of objects) {
    const title = `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
    if (titles.has(title)) throw new MeshmockError('usage', `two objects have the name ${title}: rename a version`);
    titles.add(title);
  }
}

function namespaceObject(name: string, istio: boolean): ManifestObject {
  const labels = istio ? { labels: { 'istio-injection': 'enabled' } } : {};
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, ...labels } };
}

/**
 * Formats objects as YAML documents.
 *
 * @param comment comment at the top
 */
export function writeManifests(objects: readonly ManifestObject[], comment: string): string {
  const documents = objects.map((object) =>
    // kubectl parses YAML 1.1, in which words such as `no` and `on` need quotes.
    new Document(object, { aliasDuplicateObjects: false, compat: 'yaml-1.1' }).toString({ lineWidth: 0 }),
  );
  return `${comment.replaceAll(/^/gm, '# ')}\n${documents.join('---\n')}`;
}
