import { mergeFields } from '../apply/merge-fields.ts';
import type { ChangedObject, IstioChanges } from '../control-plane/istio-manifests.ts';
import type { KubeClient } from '../kube-api/kube-client.ts';
import { groupOf, type KubeObject, selects, type Workload } from '../resources/objects.ts';

/** Makes the installation in the prepared data a user's one. No program of it may run yet. */
export async function installChanges(client: KubeClient, changes: IstioChanges, signal: AbortSignal): Promise<void> {
  for (const object of changes.remove) await client.delete(object, { propagation: 'Background' }, signal);
  // One after another, in the order in which istioctl prints them: a Deployment needs its account.
  for (const change of changes.apply) await installObject(client, change, signal);
}

async function installObject(
  client: KubeClient,
  { object, former }: ChangedObject,
  signal: AbortSignal,
): Promise<void> {
  const live = await client.get(object, signal);
  if (live !== undefined && object.kind !== 'Deployment') {
    // The strategic merge is for Kubernetes' own kinds.
    const isStrategic = ['', 'apps'].includes(groupOf(object));
    const merged = mergeFields({ last: former, next: object, live }, isStrategic) as KubeObject;
    await client.update(merged, {}, signal);
    return;
  }
  // A changed Deployment replaces its pods one by one, but there must be one istiod at any time.
  if (live !== undefined) await removeDeployment(client, live as Workload, signal);
  await client.create(object, {}, signal);
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
