import type { KubeClient } from '../kube-api/kube-client.ts';
import { KubeError } from '../kube-api/kube-error.ts';
import type { KubeObject } from '../resources/objects.ts';
import type { AppliedState } from './apply-object.ts';
import { deleteNamespace } from './delete-namespace.ts';
import { waitUntilGone } from './wait-until-gone.ts';

const timeoutMs = 60_000;
const maxConflicts = 10;

/** Changes that can be reverted. */
export class UndoLog {
  private readonly client: KubeClient;
  private readonly states: AppliedState[] = [];

  constructor(client: KubeClient) {
    this.client = client;
  }

  add(state: AppliedState): void {
    if (state.change !== 'unchanged') this.states.push(state);
  }

  /** Deletes the objects that were created, and puts back those that were changed, the last one first. */
  async revert(): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    const created: KubeObject[] = [];
    for (const { previous, object } of this.states.splice(0).toReversed()) {
      if (previous !== undefined) await this.putBack(previous, signal);
      else if (object.kind === 'Namespace') await deleteNamespace(this.client, object, signal);
      else if (await this.client.delete(object, { propagation: 'Background', gracePeriodSeconds: 0 }, signal))
        created.push(object);
    }
    await waitUntilGone(this.client, created, signal);
  }

  private async putBack(previous: KubeObject, signal: AbortSignal): Promise<void> {
    for (let conflicts = 0; ; conflicts++) {
      const live = await this.client.get(previous, signal);
      if (live === undefined) return;
      const { resourceVersion = '' } = live.metadata;
      try {
        await this.client.update({ ...previous, metadata: { ...previous.metadata, resourceVersion } }, {}, signal);
        return;
      } catch (error) {
        const isConflict = error instanceof KubeError && error.status === 409;
        if (!isConflict || conflicts === maxConflicts) throw error;
      }
    }
  }
}
