import { setImmediate } from 'node:timers/promises';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { formatSizeBytes } from '../../plan/quantity.ts';

const touchedAtOnceBytes = 4_000_000;

/** Memory that requests hold, all together within one limit. */
export class MemoryHold {
  private readonly limitBytes: number;
  private heldBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /**
   * Takes so much memory and touches it, so that it is resident.
   *
   * @returns gives it back to the system at once, not when a collector comes by
   * @throws MeshmockError `overloaded` when others hold too much of it
   */
  async take(bytes: number): Promise<() => void> {
    if (this.heldBytes + bytes > this.limitBytes) {
      const held = `${formatSizeBytes(this.heldBytes)} of ${formatSizeBytes(this.limitBytes)}`;
      throw new MeshmockError('overloaded', `no memory of ${formatSizeBytes(bytes)} left: requests hold ${held}`);
    }
    const buffer = new ArrayBuffer(bytes);
    this.heldBytes += bytes;
    for (let from = 0; from < bytes; from += touchedAtOnceBytes) {
      new Uint8Array(buffer, from, Math.min(touchedAtOnceBytes, bytes - from)).fill(1);
      await setImmediate();
    }
    return () => {
      this.heldBytes -= bytes;
      buffer.transfer(0);
    };
  }
}
