import { setTimeout as sleep } from 'node:timers/promises';
import { viewKinds } from '../cluster/cluster-view.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import type { KubeObject } from '../resources/objects.ts';

const pollMs = 30;

/** Reads the kinds of the API server, until it serves those of the CRDs too: it does so a moment after its start. */
export async function discoverKinds(client: KubeClient, signal: AbortSignal): Promise<void> {
  const wanted = viewKinds.filter(({ kind }) => !['TCPRoute', 'TLSRoute'].includes(kind));
  for (;;) {
    await client.discover(signal);
    if (wanted.every((kind) => client.kindOf(kind) !== undefined)) return;
    await sleep(pollMs, undefined, { signal });
  }
}

/** Webhooks of istiod, each with its kind. */
const webhooks = [
  { kind: 'ValidatingWebhookConfiguration', name: 'istio-validator-istio-system' },
  { kind: 'ValidatingWebhookConfiguration', name: 'istiod-default-validator' },
  { kind: 'MutatingWebhookConfiguration', name: 'istio-sidecar-injector' },
] as const;

interface WebhookConfiguration extends KubeObject {
  webhooks: { clientConfig: { caBundle?: string }; failurePolicy?: string }[];
}

/** Waits until istiod has given its webhooks their certificates: before, they refuse and inject nothing. */
export async function webhooksReady(client: KubeClient, signal: AbortSignal): Promise<void> {
  for (const { kind, name } of webhooks)
    while (!(await isReady(client, kind, name, signal))) await sleep(pollMs, undefined, { signal });
}

async function isReady(client: KubeClient, kind: string, name: string, signal: AbortSignal): Promise<boolean> {
  const ref = { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name } };
  const object = await client.get<WebhookConfiguration>(ref, signal);
  return (
    object?.webhooks.every(({ clientConfig, failurePolicy }) => clientConfig.caBundle && failurePolicy === 'Fail') ===
    true
  );
}
