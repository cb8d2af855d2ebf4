import { isDeepStrictEqual } from 'node:util';
import type { CacheEvent } from '../kube-api/object-cache.ts';
import { isWorkload, type KubeObject, namespaceOf } from '../resources/objects.ts';

/** Time after a change of a workload in which its pods come and go because of it, in milliseconds. */
const rolloutMs = 30_000;

/**
 * Selects the changes of workloads and pods that people have made. Kubernetes makes others because of them: a Deployment
 * replaces its pods after each change, and writes its status all the time.
 */
export class WorkloadChanges {
  /** Times at which a workload or one of its pods has changed, by `NAMESPACE/NAME`. */
  private readonly changedAtMs = new Map<string, number>();

  /** Reports whether a change is one to record. */
  isOwnChange(event: CacheEvent, nowMs = performance.now()): boolean {
    const { object } = event;
    if (isWorkload(object)) return this.isOfWorkload(event, nowMs);
    return object.kind === 'Pod' && this.isOfPod(event, nowMs);
  }

  private isOfWorkload({ type, object, previous }: CacheEvent, nowMs: number): boolean {
    // The ReplicaSets of a Deployment are no news.
    if (ownerOf(object)?.kind === 'Deployment') return false;
    if (type === 'MODIFIED' && isSame(object, previous)) return false;
    this.changedAtMs.set(keyOf(object, object.metadata.name), nowMs);
    return true;
  }

  private isOfPod({ type, object, previous }: CacheEvent, nowMs: number): boolean {
    if (type === 'MODIFIED') return !isDeepStrictEqual(object.metadata.labels, previous?.metadata.labels);
    const workload = workloadOf(object);
    if (workload === undefined) return true;
    const key = keyOf(object, workload);
    const changedAtMs = this.changedAtMs.get(key);
    if (changedAtMs === undefined || nowMs > changedAtMs + rolloutMs) return true;
    // A rollout takes its time, and each of its pods shows that it goes on.
    this.changedAtMs.set(key, nowMs);
    return false;
  }
}

/** Reports whether only the status of a workload has changed, or what Kubernetes itself notes. */
function isSame({ metadata }: KubeObject, previous: KubeObject | undefined): boolean {
  const before = previous?.metadata;
  return before?.generation === metadata.generation && isDeepStrictEqual(before?.labels, metadata.labels);
}

function keyOf(object: KubeObject, name: string): string {
  return `${namespaceOf(object)}/${name}`;
}

function ownerOf({ metadata }: KubeObject): { readonly kind: string; readonly name: string } | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** Returns the name of a pod's workload. A Deployment owns its pods through a ReplicaSet, whose name ends with a hash. */
function workloadOf(pod: KubeObject): string | undefined {
  const owner = ownerOf(pod);
  const hash = pod.metadata.labels?.['pod-template-hash'];
  return hash === undefined ? owner?.name : owner?.name.replace(`-${hash}`, '');
}
