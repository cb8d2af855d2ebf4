import { bridgeAddress } from '../network.ts';
import type { PodPlan } from './pod-plan.ts';

/** Returns the resolv.conf of a pod, as kubelet writes it for the policy ClusterFirst. */
export function resolvConfOf({ namespace }: PodPlan): string {
  const search = [`${namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'].join(' ');
  return `nameserver ${bridgeAddress}\nsearch ${search}\noptions ndots:5 timeout:1 attempts:1\n`;
}
