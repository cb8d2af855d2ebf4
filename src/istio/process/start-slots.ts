import { availableParallelism } from 'node:os';

/**
 * Number of pods that start at the same time: enough to use all processors while programs wait for istiod. If all pods
 * of a large mesh started together, none would be ready in time.
 */
export const parallelStarts = Math.max(8, 4 * availableParallelism());

/**
 * Limits how many pods start at the same time. Further ones wait for their turn, in order.
 *
 * @example
 * const release = await slots.take(signal);
 * try { await startPod(); } finally { release(); }
 */
export class StartSlots {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(count: number) {
    this.free = count;
  }

  /**
   * Waits for a slot.
   *
   * @returns a function that frees the slot; only its first call has an effect
   * @throws the reason of the signal if it is aborted first
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.free > 0) this.free--;
    else await this.turn(signal);
    let isTaken = true;
    return () => {
      if (isTaken) this.release();
      isTaken = false;
    };
  }

  private async turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      const index = this.waiting.indexOf(resolve);
      if (index !== -1) this.waiting.splice(index, 1);
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    this.waiting.push(resolve);
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  private release(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free++;
    else next();
  }
}
