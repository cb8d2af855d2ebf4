import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

const threadFile = new URL(import.meta.url.endsWith('.ts') ? './burn.ts' : './burn.js', import.meta.url);

/** Worker threads that burn CPU time, at most one per core. The service keeps answering meanwhile. */
export class CpuBurner {
  private readonly idle: Worker[] = [];
  private readonly waiting: (() => void)[] = [];
  private freeCores = availableParallelism();

  /**
   * Keeps one core busy for a CPU time, in milliseconds.
   *
   * @throws the reason of the signal, if it is aborted first
   */
  async burn(cpuMs: number, signal: AbortSignal): Promise<void> {
    await this.acquire(signal);
    const worker = this.idle.pop() ?? new Worker(threadFile);
    try {
      worker.ref();
      worker.postMessage(cpuMs);
      await once(worker, 'message', { signal });
      worker.unref();
      this.idle.push(worker);
    } catch (error) {
      // A thread in its loop receives no message, so it is terminated.
      void worker.terminate();
      throw signal.aborted ? signal.reason : error;
    } finally {
      this.release();
    }
  }

  /** Terminates the threads. */
  async stop(): Promise<void> {
    await Promise.all(this.idle.splice(0).map((worker) => worker.terminate()));
  }

  private async acquire(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw signal.reason;
    if (this.freeCores > 0) {
      this.freeCores--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.waiting.splice(this.waiting.indexOf(onTurn), 1);
        reject(signal.reason);
      };
      const onTurn = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.waiting.push(onTurn);
    });
  }

  private release(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.freeCores++;
    else next();
  }
}
