import { bridgeAddress } from './network.ts';
import type { PodPlan } from './pods.ts';

/**
 * Returns a field of a pod for the downward API. The pod has no node unless its template names one. Its zone is the
 * label of its template, because Kubernetes copies a node's zone to that label.
 *
 * @returns undefined for a field that the downward API does not have
 */
export function podField(
  { plan, uid, address }: { readonly plan: PodPlan; readonly uid: string; readonly address: string },
  path: string,
): string | undefined {
  const [, map, key = ''] = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path) ?? [];
  if (map === 'labels' || map === 'annotations') return plan[map][key] ?? '';
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': plan.name,
    'metadata.namespace': plan.namespace,
    'metadata.uid': uid,
    'spec.nodeName': plan.spec.nodeName ?? '',
    'spec.serviceAccountName': plan.serviceAccount,
    'status.podIP': address,
    'status.podIPs': address,
    'status.hostIP': bridgeAddress,
    'status.hostIPs': bridgeAddress,
  };
  return fields[path];
}
