import { MeshmockError } from '../../error/meshmock-error.ts';
import type { Manifest } from '../manifest.ts';
import { type KubeObject, kubectlName } from '../objects.ts';
import { type AppliedObject, applyObject } from './apply-object.ts';
import type { KubeClient } from './kube-client.ts';

export interface ManifestChange {
  readonly objects: readonly AppliedObject[];
  readonly results: readonly KubeObject[];
  readonly warnings: readonly string[];
  readonly leftOut: readonly string[];
  revert(signal: AbortSignal): Promise<void>;
}
const order = ['Namespace', 'CustomResourceDefinition', 'ServiceAccount', 'ConfigMap', 'Secret', 'Service'];
const rank = ({ object }: Manifest): number => { const i = order.indexOf(object.kind); return i < 0 ? (object.apiVersion.startsWith('apps/') ? 11 : 10) : i; };

export async function applyManifests(client: KubeClient, manifests: readonly Manifest[], options: { namespace: string; transform?: (o: KubeObject) => KubeObject }, signal: AbortSignal): Promise<ManifestChange> {
  const objects: AppliedObject[] = [];
  const results: KubeObject[] = [];
  const problems: string[] = [];
  const leftOut: string[] = [];
  const done: { object: KubeObject; before: KubeObject | undefined }[] = [];
  const revert = async (s: AbortSignal): Promise<void> => {
    for (const { object, before } of done.toReversed()) {
      if (before === undefined) await client.delete(object, {}, s).catch(() => {});
      else {
        const last = before.metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration'];
        if (last !== undefined) await applyObject(client, JSON.parse(last), s).catch(() => {});
      }
    }
  };
  for (const manifest of [...manifests].sort((a, b) => rank(a) - rank(b))) {
    const kind = client.kindOf(manifest.object);
    const title = kubectlName(manifest.object);
    if (kind === undefined) { leftOut.push(`${title}: the local mesh does not run ${manifest.object.kind} of ${manifest.object.apiVersion}`); continue; }
    const object = { ...manifest.object, metadata: { ...manifest.object.metadata, ...(kind.namespaced ? { namespace: manifest.object.metadata.namespace ?? options.namespace } : {}) } };
    try {
      if (kind.namespaced) await ensureNamespace(client, object.metadata.namespace ?? 'default', signal);
      const before = await client.get(object, signal);
      const { object: result, change } = await applyObject(client, options.transform?.(object) ?? object, signal);
      done.push({ object, before });
      objects.push({ title, change });
      results.push(result);
    } catch (error) {
      problems.push(`${manifest.whereIs([])}: ${title}: ${(error as Error).message}`);
    }
  }
  if (problems.length > 0) { await revert(signal); throw new MeshmockError('usage', problems.join('\n')); }
  return { objects, results, warnings: [], leftOut, revert };
}
async function ensureNamespace(client: KubeClient, name: string, signal: AbortSignal): Promise<void> {
  const ns = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  if ((await client.get(ns, signal)) === undefined) await client.create(ns, {}, signal);
}
export async function deleteManifests(client: KubeClient, manifests: readonly Manifest[], options: { namespace: string }, signal: AbortSignal): Promise<ManifestChange> {
  const objects: AppliedObject[] = [];
  for (const { object } of manifests) {
    const kind = client.kindOf(object);
    if (kind === undefined) continue;
    const ref = { ...object, metadata: { ...object.metadata, ...(kind.namespaced ? { namespace: object.metadata.namespace ?? options.namespace } : {}) } };
    const live = await client.get(ref, signal);
    if (live !== undefined) await client.delete(ref, {}, signal);
    objects.push({ title: kubectlName(object), change: live === undefined ? 'not found' : 'deleted' });
  }
  return { objects, results: [], warnings: [], leftOut: [], revert: async () => {} };
}
