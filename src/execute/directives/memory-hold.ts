import { setImmediate } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { formatSizeBytes } from '../../plan/quantity.ts';
import type { Budgets } from '../budgets/budgets.ts';

const chunkBytes = 4_000_000;

/** Memory that the requests of a service hold for `~memory`. */
export class MemoryHold {
  private readonly budgets: Budgets;

  constructor(budgets: Budgets) {
    this.budgets = budgets;
  }

  /**
   * Takes memory and writes to it, so that it is resident.
   *
   * @returns a function that returns the memory to the system at once, without waiting for garbage collection
   * @throws MeshmockError `overloaded` if other requests hold too much of the limit
   */
  async take(bytes: number): Promise<() => void> {
    const { memory, refusals } = this.budgets;
    if (!memory.takeMemory(bytes)) {
      refusals.add('max-memory');
      const others = `other requests hold ${formatSizeBytes(memory.totalBytes)}`;
      throw new MeshmockError(
        'overloaded',
        `cannot hold ${formatSizeBytes(bytes)} of memory: ${this.budgets.explain('max-memory')}, and ${others}`,
      );
    }
    const buffer = new ArrayBuffer(bytes);
    for (let from = 0; from < bytes; from += chunkBytes) {
      new Uint8Array(buffer, from, Math.min(chunkBytes, bytes - from)).fill(1);
      await setImmediate();
    }
    return () => {
      memory.returnMemory(bytes);
      buffer.transfer(0);
    };
  }
}
