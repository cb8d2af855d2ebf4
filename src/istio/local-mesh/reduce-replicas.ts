import { isRollout } from '../apply/rollout.ts';
import type { PodLimit } from '../node/node-object.ts';
import type { Manifest } from '../resources/manifest.ts';
import { groupOf, isScalable, type KubeObject, namespaceOf } from '../resources/objects.ts';

/** Pods of a mesh, by which the replicas of manifests are reduced. */
export interface PodCapacity {
  /** Maximum number of replicas that the user has set. */
  readonly maxReplicas: number | undefined;
  /** Maximum number of pods on this machine. */
  readonly limit: PodLimit;
  /** Pods that run already, each with the name of its workload. */
  readonly running: readonly { readonly namespace: string; readonly workload: string }[];
}

/** Manifests with fewer replicas, and a line that says so. */
export interface ReducedManifests {
  readonly manifests: readonly Manifest[];
  readonly leftOut: readonly string[];
}

/**
 * Reduces the replicas of workloads to the maximum that the user has set. Without one, all workloads get one replica if
 * the machine cannot run all pods.
 *
 * @example reduceReplicas(manifests, { maxReplicas: 1, limit: podLimit(), running: [] }).leftOut
 */
export function reduceReplicas(
  manifests: readonly Manifest[],
  { maxReplicas, limit, running }: PodCapacity,
): ReducedManifests {
  if (maxReplicas !== undefined) {
    const { reduced, count } = withAtMost(manifests, maxReplicas);
    const text = `${workloads(count)} with fewer replicas than in the manifests: --max-replicas ${maxReplicas}`;
    return { manifests: reduced, leftOut: count === 0 ? [] : [text] };
  }
  const replaced = new Set(manifests.map(({ object }) => keyOf(namespaceOf(object), object.metadata.name)));
  const others = running.filter(({ namespace, workload }) => !replaced.has(keyOf(namespace, workload)));
  const wanted = manifests.reduce((sum, { object }) => sum + podsOf(object), others.length);
  const { reduced, count } = withAtMost(manifests, 1);
  if (wanted <= limit.pods || count === 0) return { manifests, leftOut: [] };
  const text = `${workloads(count)} with one replica each: ${limit.reason} instead of ${wanted} (--max-replicas)`;
  return { manifests: reduced, leftOut: [text] };
}

function workloads(count: number): string {
  return count === 1 ? '1 workload runs' : `${count} workloads run`;
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function withAtMost(
  manifests: readonly Manifest[],
  most: number,
): { readonly reduced: readonly Manifest[]; readonly count: number } {
  const reduced = manifests.map((manifest): Manifest => {
    const { object, whereIs } = manifest;
    if (replicasOf(object) <= most) return manifest;
    return { object: { ...object, spec: { ...(object.spec as object), replicas: most } }, whereIs };
  });
  return { reduced, count: reduced.filter((manifest, index) => manifest !== manifests[index]).length };
}

/** Returns the replicas of a workload; 0 for other objects, and for what a controller makes from another workload. */
function replicasOf(object: KubeObject): number {
  if (!isScalable(object) && !isRollout(object)) return 0;
  if (object.metadata.ownerReferences?.some(({ controller }) => controller) === true) return 0;
  const { replicas } = (object.spec ?? {}) as { replicas?: unknown };
  return typeof replicas === 'number' ? replicas : 1;
}

/** Returns the number of pods that an object results in. */
export function podsOf(object: KubeObject): number {
  const isDaemonSet = object.kind === 'DaemonSet' && groupOf(object) === 'apps';
  const isGateway = object.kind === 'Gateway' && groupOf(object) === 'gateway.networking.k8s.io';
  const isPod = object.kind === 'Pod' && object.metadata.ownerReferences === undefined;
  return isDaemonSet || isGateway || isPod ? 1 : replicasOf(object);
}
