import { hostOf, type MeshSnapshot, stablePodName } from './mesh-snapshot.ts';
import type { AddressNames } from './normalize.ts';

/** Returns names for the addresses of a mesh that are the same after the next start. */
export function addressNamesOf({ pods, services }: MeshSnapshot): AddressNames {
  const names = new Map<string, string>();
  for (const service of services) for (const address of service.addresses) names.set(address, hostOf(service));
  for (const pod of pods) names.set(pod.address, stablePodName(pod));
  return (address) => names.get(address);
}
