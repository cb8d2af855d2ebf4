import type { KubeClient } from '../kube-api/kube-client.ts';
import type { RunningPod } from './running-pod.ts';

/** Writes the statuses of pods into the API. While the status of a pod is being written, only its newest one waits. */
export class PodStatusWriter {
  private readonly client: KubeClient;
  private readonly signal: AbortSignal;
  /** Pods whose status is being written, and whether it has changed meanwhile. */
  private readonly writing = new Map<RunningPod, { again: boolean }>();

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

  private async writeOnce({ plan, status }: RunningPod): Promise<void> {
    const { name, namespace } = plan;
    const ref = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace } };
    await this.client.patch(ref, { status }, 'merge', { subresource: 'status' }, this.signal);
  }
}
