import { setImmediate } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { formatSizeBytes } from '../../plan/quantity.ts';

const chunkBytes = 4_000_000;

/** Memory that the requests of a service hold. They share one limit. */
export class MemoryHold {
  private readonly limitBytes: number;
  private heldBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /**
   * Takes memory and writes to it, so that it is resident.
   *
   * @returns a function that returns the memory to the system at once, without waiting for garbage collection
   * @throws MeshmockError `overloaded` if other requests hold too much of the limit
   */
  async take(bytes: number): Promise<() => void> {
    if (this.heldBytes + bytes > this.limitBytes) {
      const held = `${formatSizeBytes(this.heldBytes)} of ${formatSizeBytes(this.limitBytes)}`;
      throw new MeshmockError(
        'overloaded',
        `cannot hold ${formatSizeBytes(bytes)} of memory: other requests hold ${held}`,
      );
    }
    const buffer = new ArrayBuffer(bytes);
    this.heldBytes += bytes;
    for (let from = 0; from < bytes; from += chunkBytes) {
      new Uint8Array(buffer, from, Math.min(chunkBytes, bytes - from)).fill(1);
      await setImmediate();
    }
    return () => {
      this.heldBytes -= bytes;
      buffer.transfer(0);
    };
  }
}
