import type { KubeClient } from '../kube-api/kube-client.ts';
import type { Manifest } from '../resources/manifest.ts';
import type { KubeObject } from '../resources/objects.ts';
import type { AppliedObject } from './apply-all.ts';
import { deleteNamespace } from './delete-namespace.ts';
import { mapConcurrently } from './map-concurrently.ts';
import { type ApplyOptions, isCrd, type PreparedObject, prepareObjects } from './prepare-objects.ts';
import { type Refusal, refusalOf, throwRefusals } from './trial.ts';
import { waitUntilGone } from './wait-until-gone.ts';

const parallel = 8;

/**
 * Deletes the objects of manifests as `kubectl delete --ignore-not-found` does, and waits until they no longer exist.
 * Objects that `applyAll` leaves out are not deleted.
 *
 * @throws MeshmockError `usage` with a line for each object that the API server does not delete
 */
export async function deleteAll(
  client: KubeClient,
  manifests: readonly Manifest[],
  options: ApplyOptions,
  signal: AbortSignal,
): Promise<readonly AppliedObject[]> {
  const { objects } = await prepareObjects(client, manifests, options, signal);
  const results = new Map<PreparedObject, AppliedObject>();
  const refusals: Refusal[] = [];
  // Namespaces and CRDs contain other objects, which are deleted with them.
  for (const isContainer of [false, true]) {
    const stage = objects.filter(({ object }) => (object.kind === 'Namespace' || isCrd(object)) === isContainer);
    await mapConcurrently(stage, parallel, async (one) => {
      try {
        results.set(one, await deleteOne(client, one, signal));
      } catch (error) {
        refusals.push(await refusalOf(client, error, one, signal));
      }
    });
    const deleted = stage.flatMap((one) => results.get(one) ?? []).filter(({ change }) => change === 'deleted');
    await waitUntilGone(
      client,
      deleted.map(({ object }) => object),
      signal,
    );
  }
  if (objects.some(({ object }) => isCrd(object))) await client.discover(signal);
  throwRefusals(refusals);
  return objects.flatMap((one) => results.get(one) ?? []);
}

async function deleteOne(
  client: KubeClient,
  { object, title }: PreparedObject,
  signal: AbortSignal,
): Promise<AppliedObject> {
  const isServed = client.kindOf(object) !== undefined;
  const live = isServed ? await client.get<KubeObject>(object, signal) : undefined;
  const isDeleted = live !== undefined && (await deleteLive(client, live, signal));
  return isDeleted ? { title, change: 'deleted', object: live } : { title, change: 'not found', object };
}

function deleteLive(client: KubeClient, live: KubeObject, signal: AbortSignal): Promise<boolean> {
  if (live.kind === 'Namespace') return deleteNamespace(client, live, signal);
  return client.delete(live, { propagation: 'Background' }, signal);
}
