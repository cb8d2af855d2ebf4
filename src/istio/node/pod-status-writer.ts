import type { KubeClient } from '../kube-api/kube-client.ts';
import type { Pod } from '../resources/objects.ts';
import { completedStatusObject } from './pod-status-object.ts';
import type { RunningPod } from './running-pod.ts';

/** Time after which the status of a pod says how far its start is, in milliseconds. */
const slowStartMs = 2000;

/** Writes the statuses of pods into the API. While the status of a pod is being written, only its newest one waits. */
export class PodStatusWriter {
  private readonly client: KubeClient;
  private readonly signal: AbortSignal;
  /** Pods whose status is being written, and whether it has changed meanwhile. */
  private readonly writing = new Map<RunningPod, { again: boolean }>();
  /** Pods whose status is written if they are not ready soon. */
  private readonly starting = new WeakSet<RunningPod>();
  /** Uids of the pods whose success is being written. */
  private readonly completing = new Set<string>();

  constructor(client: KubeClient, signal: AbortSignal) {
    this.client = client;
    this.signal = signal;
  }

  /** Writes the status of a pod. */
  write(pod: RunningPod): void {
    const current = this.writing.get(pod);
    if (current !== undefined) {
      current.again = true;
      return;
    }
    const state = { again: false };
    this.writing.set(pod, state);
    this.writeOnce(pod)
      .catch(() => {
        // The pod was deleted meanwhile, or the mesh ends.
      })
      .finally(() => {
        this.writing.delete(pod);
        if (state.again) this.write(pod);
      });
  }

  /** Writes the status of a pod that starts, unless it becomes ready soon. Its first status has been written already. */
  writeIfSlow(pod: RunningPod): void {
    if (this.starting.has(pod)) return;
    this.starting.add(pod);
    const timer = setTimeout(() => {
      this.starting.delete(pod);
      if (!pod.isReady && !this.signal.aborted) this.write(pod);
    }, slowStartMs);
    timer.unref();
  }

  /** Writes the success of a pod of a Job, which does not run: a mock serves and never ends. */
  writeSuccess(pod: Pod): void {
    const { uid = '' } = pod.metadata;
    if (this.completing.has(uid)) return;
    this.completing.add(uid);
    const status = completedStatusObject(pod.spec, new Date());
    this.client
      .patch(pod, { status }, 'merge', { subresource: 'status' }, this.signal)
      .catch(() => {
        // The pod was deleted meanwhile, or the mesh ends.
      })
      .finally(() => this.completing.delete(uid));
  }

  private async writeOnce({ plan, status }: RunningPod): Promise<void> {
    const { name, namespace } = plan;
    const ref = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace } };
    await this.client.patch(ref, { status }, 'merge', { subresource: 'status' }, this.signal);
  }
}

/** Maximum time for which a pod that is ready waits for others, in milliseconds. */
const maxWaitMs = 10_000;

/**
 * Pods that become ready while others start. Their statuses are written together: each change of endpoints makes istiod
 * send configuration to every proxy, so one write for each pod would cost a large mesh more than its pods.
 */
export class ReadyBatch<P extends object> {
  private readonly write: (pod: P) => void;
  private readonly areOthersStarting: () => boolean;
  private readonly waiting = new Set<P>();
  private readonly written = new WeakSet<P>();
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param write writes the status of a pod
   * @param areOthersStarting returns whether further pods may soon be ready
   */
  constructor(write: (pod: P) => void, areOthersStarting: () => boolean) {
    this.write = write;
    this.areOthersStarting = areOthersStarting;
  }

  /** Reports whether the status of a pod was written. */
  hasWritten(pod: P): boolean {
    return this.written.has(pod);
  }

  /** Writes the status of a pod that has become ready, at once or together with those of others. */
  add(pod: P): void {
    this.waiting.add(pod);
    if (!this.areOthersStarting()) this.writeAll();
    else this.timer ??= setTimeout(() => this.writeAll(), maxWaitMs);
  }

  private writeAll(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const pods = [...this.waiting];
    this.waiting.clear();
    for (const pod of pods) {
      this.written.add(pod);
      this.write(pod);
    }
  }
}
