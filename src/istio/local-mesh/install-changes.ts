import type { IstioChanges } from '../control-plane/istio-manifests.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { type KubeObject, selects, type Workload } from '../resources/objects.ts';

/** Makes the installation in the prepared data a user's one. No program of it may run yet. */
export async function installChanges(client: KubeClient, changes: IstioChanges, signal: AbortSignal): Promise<void> {
  for (const object of changes.remove) await client.delete(object, { propagation: 'Background' }, signal);
  // One after another, in the order in which istioctl prints them: a Deployment needs its account.
  for (const object of changes.apply) await installObject(client, object, signal);
}

async function installObject(client: KubeClient, object: KubeObject, signal: AbortSignal): Promise<void> {
  if (object.kind === 'Deployment') {
    const live = await client.get<Workload>(object, signal);
    // A changed Deployment replaces its pods one by one, but there must be one istiod at any time.
    if (live !== undefined) await removeDeployment(client, live, signal);
  }
  // The prepared data was applied in the same way, so fields that are gone are removed.
  await client.patch(object, object, 'apply', {}, signal);
}

async function removeDeployment(client: KubeClient, deployment: Workload, signal: AbortSignal): Promise<void> {
  const { metadata, spec } = deployment;
  await client.delete(deployment, { propagation: 'Background' }, signal);
  for (const [apiVersion, kind] of [
    ['apps/v1', 'ReplicaSet'],
    ['v1', 'Pod'],
  ] as const) {
    const { items } = await client.list({ apiVersion, kind }, signal, metadata.namespace);
    const made = items.filter((one) => selects(spec.selector?.matchLabels, one.metadata.labels));
    for (const one of made) await client.delete(one, { gracePeriodSeconds: 0 }, signal);
  }
}
