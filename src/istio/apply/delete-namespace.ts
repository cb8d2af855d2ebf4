import { setTimeout as sleep } from 'node:timers/promises';
import { apiVersionOf, type KindRef } from '../kube-api/kinds.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { isNotFound, KubeError } from '../kube-api/kube-error.ts';
import type { KubeObject } from '../resources/objects.ts';
import { mapConcurrently } from './map-concurrently.ts';

const parallel = 8;
const pollMs = 20;

/**
 * Deletes a namespace with everything in it. Kubernetes' own controller does the same, but waits 5 seconds before it
 * begins (`namespaceDeletionGracePeriod`).
 */
export async function deleteNamespace(
  client: KubeClient,
  namespace: KubeObject,
  signal: AbortSignal,
): Promise<boolean> {
  const { name } = namespace.metadata;
  if (!(await client.delete(namespace, {}, signal))) return false;
  // Objects are listed after all deletions, since a controller may have created some in between.
  for (let remaining = namespacedKinds(client); remaining.length > 0; ) {
    const deletable = await mapConcurrently(remaining, parallel, (kind) => client.deleteAllIn(name, kind, signal));
    const deleted = remaining.filter((_, index) => deletable[index]);
    const isEmpty = await mapConcurrently(deleted, parallel, (kind) => hasNone(client, name, kind, signal));
    remaining = deleted.filter((_, index) => !isEmpty[index]);
    if (remaining.length > 0) await sleep(pollMs, undefined, { signal });
  }
  await finalize(client, namespace, signal);
  return true;
}

async function hasNone(client: KubeClient, namespace: string, kind: KindRef, signal: AbortSignal): Promise<boolean> {
  try {
    return (await client.list(kind, signal, namespace)).items.length === 0;
  } catch (error) {
    // The CustomResourceDefinition is gone.
    if (isNotFound(error)) return true;
    throw error;
  }
}

/** Returns one version of each kind whose objects are in namespaces. */
function namespacedKinds(client: KubeClient): KindRef[] {
  const kinds = new Map<string, KindRef>();
  for (const kind of client.kinds) {
    const key = `${kind.group}/${kind.plural}`;
    if (kind.namespaced && !kinds.has(key)) kinds.set(key, { apiVersion: apiVersionOf(kind), kind: kind.kind });
  }
  return [...kinds.values()];
}

/** Removes the finalizer of a namespace, which the controller may have done already. */
async function finalize(client: KubeClient, namespace: KubeObject, signal: AbortSignal): Promise<void> {
  const live = await client.get(namespace, signal);
  if (live?.metadata.deletionTimestamp === undefined) return;
  try {
    await client.update({ ...live, spec: { finalizers: [] } }, { subresource: 'finalize' }, signal);
  } catch (error) {
    if (!(error instanceof KubeError && (error.status === 404 || error.status === 409))) throw error;
  }
}
