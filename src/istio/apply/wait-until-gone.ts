import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { type KubeObject, kubectlName } from '../resources/objects.ts';

const pollMs = 10;
const timeoutMs = 60_000;

/**
 * Waits until objects no longer exist. An object of the same name that was created later does not count.
 *
 * @throws MeshmockError `timeout` if one of them still exists after a minute
 */
export async function waitUntilGone(
  client: KubeClient,
  objects: readonly KubeObject[],
  signal: AbortSignal,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  await Promise.all(
    objects.map(async (object) => {
      while ((await client.get(object, signal))?.metadata.uid === object.metadata.uid) {
        if (performance.now() > endMs)
          throw new MeshmockError(
            'timeout',
            `${kubectlName(object)} still exists ${timeoutMs / 1000} s after its deletion: see its finalizers`,
          );
        await sleep(pollMs, undefined, { signal });
      }
    }),
  );
}
