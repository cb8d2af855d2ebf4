import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { type Ingress, isDefaultClass, isIngress, lacksClass } from '../resources/ingresses.ts';
import type { KubeObject } from '../resources/objects.ts';

const pollMs = 10;
const timeoutMs = 5000;

/**
 * Waits until the API server gives new Ingresses the default class of the same manifests. Its admission reads classes
 * from a cache, which is a moment behind: kubectl, which applies one object after another, is slower than that.
 */
export async function defaultClassInEffect(
  client: KubeClient,
  objects: readonly KubeObject[],
  signal: AbortSignal,
): Promise<void> {
  const [ingress] = objects.filter((one): one is Ingress => isIngress(one) && lacksClass(one));
  if (ingress === undefined || !objects.some(isDefaultClass)) return;
  const endMs = performance.now() + timeoutMs;
  while (!(await isDefaulted(client, ingress, signal)) && performance.now() < endMs)
    await sleep(pollMs, undefined, { signal });
}

/** Reports whether an Ingress gets a class. One that exists gets none, and one that is refused is reported later. */
async function isDefaulted(client: KubeClient, ingress: Ingress, signal: AbortSignal): Promise<boolean> {
  try {
    const { object } = await client.create(ingress, { dryRun: true }, signal);
    return !lacksClass(object);
  } catch {
    signal.throwIfAborted();
    return true;
  }
}
