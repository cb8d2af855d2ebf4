import { MeshmockError } from '../../error/meshmock-error.ts';
import { entryName, findByName } from '../../istio/resources/entry-names.ts';
import type { ManifestSource } from '../../istio/resources/manifest.ts';
import { isScalable, type KubeObject, namespaceOf } from '../../istio/resources/objects.ts';
import { manifestText } from './file-objects.ts';

/**
 * Returns the manifest of a workload, and the same with another number of replicas.
 *
 * @param objects objects of the mesh, each with its namespace
 * @param namespace namespace of a name that has none
 * @throws MeshmockError `usage` when no workload has the name
 */
export function scaleWorkload(
  objects: readonly KubeObject[],
  name: string,
  namespace: string,
  replicas: number,
): { readonly original: ManifestSource; readonly scaled: ManifestSource } {
  const workloads = objects.filter(isScalable);
  const [workload] = findByName(workloads, workloadName, name, namespace);
  if (workload === undefined) {
    const known = workloads.length === 0 ? 'no workloads' : workloads.map(workloadName).join(', ');
    throw new MeshmockError('usage', `no workload is named ${name}: the manifests have ${known}`);
  }
  const source = (object: KubeObject): ManifestSource => ({ name: `given: ${name}`, text: manifestText([object]) });
  const scaled = { ...workload, spec: { ...workload.spec, replicas } };
  return { original: source(workload), scaled: source(scaled) };
}

function workloadName(object: KubeObject): string {
  return entryName(object.metadata.name, namespaceOf(object));
}
