import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { isTerminating, namespaceOf, type Pod } from '../resources/objects.ts';

/** Pause between two looks at the pods, and the maximum time until they have ended, in milliseconds. */
const pauseMs = 50;
const mostMs = 60_000;

/**
 * Waits until no pod is being deleted. Until its end, a pod that was replaced answers on connections that are kept, such as
 * those of a caller without a proxy.
 *
 * @throws MeshmockError `timeout` if a pod does not end
 */
export async function waitForEndedPods(
  readPods: () => Promise<readonly Pod[]>,
  signal: AbortSignal,
  limitMs = mostMs,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const ending = (await readPods()).filter(isTerminating);
    if (ending.length === 0) return;
    if (performance.now() > endMs) {
      const names = ending.map((pod) => `${namespaceOf(pod)}/${pod.metadata.name}`).join(', ');
      throw new MeshmockError('timeout', `pods that were deleted did not end within ${limitMs / 1000} s: ${names}`);
    }
    await sleep(pauseMs, undefined, { signal });
  }
}
