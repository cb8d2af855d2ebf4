import { availableParallelism } from 'node:os';
import { ProcessorIdle } from './processor-idle.ts';

/**
 * Number of pods that start at the same time on a busy machine. If all pods of a large mesh started together, none would
 * be ready in time.
 */
export const parallelStarts = Math.max(8, 4 * availableParallelism());

/** Interval at which idle processors are looked for, in milliseconds. */
const idleCheckMs = 100;
/** Share of idle time from which one more pod may start. */
const idleShare = 0.15;

/**
 * Limits how many pods start at the same time. Further ones wait for their turn, in order. While processors are idle, up
 * to three times as many may start: programs that start also wait for each other.
 *
 * @example
 * const release = await slots.take(signal);
 * try { await startPod(); } finally { release(); }
 */
export class StartSlots {
  private readonly count: number;
  private readonly idle: () => { share(): number };
  private free: number;
  /** Number of slots that were added because processors were idle. Each goes when its pod is ready. */
  private added = 0;
  private taken = 0;
  private readonly waiting: (() => void)[] = [];
  private timer: NodeJS.Timeout | undefined;

  /** @param idle starts a meter of idle time, for tests */
  constructor(count: number, idle: () => { share(): number } = () => new ProcessorIdle()) {
    this.count = count;
    this.free = count;
    this.idle = idle;
  }

  /** True while pods start or wait for a slot. */
  get areInUse(): boolean {
    return this.taken > 0 || this.waiting.length > 0;
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
    this.taken++;
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
    this.addWhileIdle();
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  private release(): void {
    this.taken--;
    if (this.added > 0) this.added--;
    else this.next();
  }

  private next(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free++;
    else next();
  }

  /** Adds slots as long as pods wait and processors are idle. */
  private addWhileIdle(): void {
    if (this.timer !== undefined) return;
    const meter = this.idle();
    this.timer = setInterval(() => {
      if (this.waiting.length === 0) {
        clearInterval(this.timer);
        this.timer = undefined;
      } else if (meter.share() >= idleShare && this.added < 2 * this.count) {
        this.added++;
        this.next();
      }
    }, idleCheckMs);
    this.timer.unref();
  }
}
