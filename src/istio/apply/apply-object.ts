import { isDeepStrictEqual } from 'node:util';
import type { KubeClient, WriteOptions } from '../kube-api/kube-client.ts';
import { KubeError } from '../kube-api/kube-error.ts';
import type { KubeObject } from '../resources/objects.ts';
import { waitUntilGone } from './wait-until-gone.ts';

/** Result of an apply of one object. */
export interface AppliedState {
  readonly object: KubeObject;
  readonly change: 'created' | 'configured' | 'unchanged';
  /** Warnings of the API server and of webhooks. */
  readonly warnings: readonly string[];
  /** The object before the change; undefined if it did not exist. */
  readonly previous: KubeObject | undefined;
}

const maxConflicts = 10;

/**
 * Applies an object as `kubectl apply` does: it is created, or the fields that the manifest sets or no longer sets are
 * changed in the live object. Unknown fields are refused.
 *
 * @throws KubeError if the API server or a webhook refuses the object
 * @example
 * const { change } = await applyObject(client, object, signal); // 'created'
 */
export async function applyObject(
  client: KubeClient,
  object: KubeObject,
  signal: AbortSignal,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<AppliedState> {
  const options: WriteOptions = { dryRun, fieldValidation: 'Strict' };
  for (let conflicts = 0; ; conflicts++) {
    const live = await liveObject(client, object, signal, dryRun);
    try {
      const merged = await client.applied(object, live, signal);
      if (live === undefined)
        return { ...(await client.create(merged, options, signal)), change: 'created', previous: undefined };
      if (isDeepStrictEqual(merged, live)) return { object: live, change: 'unchanged', warnings: [], previous: live };
      const { object: written, warnings } = await client.update(merged, options, signal);
      const isSame = written.metadata.resourceVersion === live.metadata.resourceVersion && !dryRun;
      return { object: written, change: isSame ? 'unchanged' : 'configured', warnings, previous: live };
    } catch (error) {
      // Another writer, such as a controller, was faster.
      const isConflict = error instanceof KubeError && error.status === 409;
      if (!isConflict || conflicts === maxConflicts) throw error;
    }
  }
}

/** Reports whether an apply would leave a live object as it is. */
export async function isUnchanged(
  client: KubeClient,
  live: KubeObject,
  object: KubeObject,
  signal: AbortSignal,
): Promise<boolean> {
  if (live.metadata.deletionTimestamp !== undefined) return false;
  return isDeepStrictEqual(await client.applied(object, live, signal), live);
}

/** Returns the object as it is now. An object that is being deleted is awaited and then does not exist. */
async function liveObject(
  client: KubeClient,
  object: KubeObject,
  signal: AbortSignal,
  dryRun: boolean,
): Promise<KubeObject | undefined> {
  const live = await client.get(object, signal);
  if (live?.metadata.deletionTimestamp === undefined || dryRun) return live;
  await waitUntilGone(client, [live], signal);
  return undefined;
}
