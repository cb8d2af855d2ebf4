import { type ObjectMeta, type OwnerReference, type Pod, type Workload, workloadKinds } from '../resources/objects.ts';

/** Reports whether the workload of a pod was deleted, so that the garbage collector will delete the pod. */
export function isOrphan({ metadata }: Pod, workloads: readonly Workload[]): boolean {
  const owner = controllerOf(metadata);
  // Other controllers, such as Jobs, are not known here.
  if (owner === undefined || !workloadKinds.includes(owner.kind)) return false;
  const workload = workloads.find((one) => one.metadata.uid === owner.uid);
  if (workload === undefined) return true;
  const second = controllerOf(workload.metadata);
  return second?.kind === 'Deployment' && !workloads.some((one) => one.metadata.uid === second.uid);
}

/** Returns the reference to the controller that made an object. */
export function controllerOf({ ownerReferences = [] }: ObjectMeta): OwnerReference | undefined {
  return ownerReferences.find(({ controller }) => controller);
}
