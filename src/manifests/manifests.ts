import { Document } from 'yaml';
import { MeshmockError } from '../error/meshmock-error.ts';
import { istioObjectsOf } from './istio-objects.ts';
import type { ManifestObject } from './manifest-object.ts';
import type { MeshService } from './mesh-service.ts';
import { type WorkloadOptions, workloadsOf } from './workloads.ts';

export interface ManifestOptions extends WorkloadOptions {
  /** Made too, so that nothing has to be there before; the current one if not given. */
  readonly namespace?: string;
  /** Whether Istio's objects come too, and namespaces are labelled for injection. */
  readonly istio: boolean;
}

/** There already, and not for whoever deletes what was applied. */
const builtInNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/**
 * Everything that `kubectl apply` needs to run services.
 *
 * @throws MeshmockError `usage` when two objects would have the same name
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

/** A version b-v1 of a service a is called as the version v1 of a service a-b: the later one would replace the other. */
function checkNamesDiffer(objects: readonly ManifestObject[]): void {
  const found = new Set<string>();
  for (const { kind, metadata } of objects) {
    const title = `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
    if (found.has(title))
      throw new MeshmockError('usage', `there would be two of ${title}: give a version another name`);
    found.add(title);
  }
}

function namespaceObject(name: string, istio: boolean): ManifestObject {
  const labels = istio ? { labels: { 'istio-injection': 'enabled' } } : {};
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, ...labels } };
}

/**
 * Writes objects as YAML, a document each.
 *
 * @param comment stands at the top
 */
export function writeManifests(objects: readonly ManifestObject[], comment: string): string {
  const documents = objects.map((object) =>
    // kubectl reads YAML 1.1, in which more words are no text, as `no` and `on`.
    new Document(object, { aliasDuplicateObjects: false, compat: 'yaml-1.1' }).toString({ lineWidth: 0 }),
  );
  return `${comment.replaceAll(/^/gm, '# ')}\n${documents.join('---\n')}`;
}
