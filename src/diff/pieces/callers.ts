import type { NotCompared } from '../comparison.ts';
import type { Caller } from '../probe.ts';
import { type MeshSnapshot, type SnapshotPod, workloadKey } from './mesh-snapshot.ts';

/** Workload that makes calls, with one of its pods on each side. */
export interface CallerPods {
  readonly caller: Caller;
  readonly pods: { readonly before: SnapshotPod; readonly after: SnapshotPod };
}

/**
 * Returns the workloads that both snapshots have.
 *
 * @param outside workload outside the mesh, as NAMESPACE/NAME
 */
export function callersOf(
  before: MeshSnapshot,
  after: MeshSnapshot,
  outside: string,
): { readonly callers: readonly CallerPods[]; readonly notCompared: readonly NotCompared[] } {
  const [earlier, later] = [firstPods(before), firstPods(after)];
  const callers = [...earlier].flatMap(([key, pod]): CallerPods[] => {
    const pods = { before: pod, after: later.get(key) };
    return pods.after === undefined
      ? []
      : [{ caller: callerOf(pod, key === outside), pods: { before: pod, after: pods.after } }];
  });
  const only = (all: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>, side: string): NotCompared[] =>
    [...all.keys()]
      .filter((key) => !other.has(key))
      .map((key) => ({ subject: `calls of ${key}`, reason: `the workload exists only in the ${side} snapshot` }));
  const proxyless = new Set([...earlier, ...later].filter(([, pod]) => pod.isProxyless === true).map(([key]) => key));
  return {
    callers,
    notCompared: [
      ...only(later, earlier, 'new'),
      ...only(earlier, later, 'old'),
      ...[...proxyless].map((key) => ({
        subject: `calls of ${key} over gRPC`,
        reason: 'its gRPC reads the configuration of Istio itself, which no proxy shows',
      })),
    ],
  };
}

/** Returns the first pod of each workload. All pods of a workload have the same configuration. */
function firstPods({ pods }: MeshSnapshot): Map<string, SnapshotPod> {
  const found = new Map<string, SnapshotPod>();
  for (const pod of pods) if (pod.role === 'mock' && !found.has(workloadKey(pod))) found.set(workloadKey(pod), pod);
  return found;
}

function callerOf({ namespace, workload, serviceAccount, labels }: SnapshotPod, isOutside: boolean): Caller {
  return isOutside ? { kind: 'outside' } : { kind: 'workload', namespace, name: workload, serviceAccount, labels };
}
