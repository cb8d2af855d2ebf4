import { nodeAddress } from '../network/addresses.ts';
import type { PodPlan } from './pod-plan.ts';

/** Pod with its address, whose fields the downward API shows. */
export interface PodWithAddress {
  readonly plan: PodPlan;
  readonly address: string;
}

/**
 * Returns a field of a pod for the downward API (Kubernetes, "Downward API").
 *
 * @returns undefined for a field that the downward API does not have
 */
export function podField({ plan, address }: PodWithAddress, path: string): string | undefined {
  const [, map, key] = /^metadata\.(labels|annotations)(?:\['([^']+)'\])?$/.exec(path) ?? [];
  if (map === 'labels' || map === 'annotations') return key === undefined ? lines(plan[map]) : (plan[map][key] ?? '');
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': plan.name,
    'metadata.namespace': plan.namespace,
    'metadata.uid': plan.uid,
    'spec.nodeName': plan.spec.nodeName ?? '',
    'spec.serviceAccountName': plan.serviceAccount,
    'status.podIP': address,
    'status.podIPs': address,
    'status.hostIP': nodeAddress,
    'status.hostIPs': nodeAddress,
  };
  return fields[path];
}

/** Formats labels as the downward API writes them into a file. */
function lines(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}\n`)
    .join('');
}
