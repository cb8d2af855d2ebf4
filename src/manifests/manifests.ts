import { Document } from 'yaml';
import { istioObjectsOf } from './istio-objects.ts';
import type { KubeObject } from './kube-object.ts';
import type { MeshService } from './mesh-service.ts';
import { type WorkloadOptions, workloadsOf } from './workloads.ts';

export interface ManifestOptions extends WorkloadOptions {
  /** Made too, so that nothing has to be there before; the current one if not given. */
  readonly namespace?: string;
  /** Whether Istio's objects come too, and namespaces are labelled for injection. */
  readonly istio: boolean;
}

/** Everything that `kubectl apply` needs to run services. */
export function manifestsOf(services: readonly MeshService[], options: ManifestOptions): KubeObject[] {
  const placed = services.map((service) => {
    const namespace = service.namespace ?? options.namespace;
    return { ...service, namespace };
  });
  const namespaces = [...new Set(placed.flatMap(({ namespace }) => namespace ?? []))];
  return [
    ...namespaces.map((name) => namespaceObject(name, options.istio)),
    ...placed.flatMap((service) => workloadsOf(service, options)),
    ...(options.istio ? placed.flatMap(istioObjectsOf) : []),
  ];
}

function namespaceObject(name: string, istio: boolean): KubeObject {
  const labels = istio ? { labels: { 'istio-injection': 'enabled' } } : {};
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, ...labels } };
}

/**
 * Writes objects as YAML, a document each.
 *
 * @param comment stands at the top
 */
export function writeManifests(objects: readonly KubeObject[], comment: string): string {
  const documents = objects.map((object) =>
    new Document(object, { aliasDuplicateObjects: false }).toString({ lineWidth: 0 }),
  );
  return `${comment.replaceAll(/^/gm, '# ')}\n${documents.join('---\n')}`;
}
