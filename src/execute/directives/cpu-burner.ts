import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { programFile } from '../../package/package-files.ts';
import type { DeadlineSignal } from '../concurrency/deadline-signal.ts';
import { type CpuJob, CpuQueue } from './cpu-queue.ts';

/** Worker threads that burn CPU time, at most one per core. The service keeps answering meanwhile. */
export class CpuBurner {
  private readonly queue: CpuQueue;
  private readonly threads = new Set<BurnThread>();
  private readonly idle: BurnThread[] = [];

  /** @param maxQueueMs longest wait of a job that is shorter than this, in milliseconds; 0 for any wait */
  constructor(maxQueueMs: number) {
    this.queue = new CpuQueue(availableParallelism(), maxQueueMs);
  }

  /**
   * Keeps one core busy for a CPU time, in milliseconds.
   *
   * @throws MeshmockError `overloaded` if too much work is before it
   * @throws the reason of the signal, if it is aborted first
   */
  burn(cpuMs: number, { signal, deadlineAt }: Pick<DeadlineSignal, 'signal' | 'deadlineAt'>): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      let thread: BurnThread | undefined;
      const job: CpuJob = {
        cpuMs,
        deadlineAt,
        start: () => {
          thread = this.takeThread();
          thread.burn(cpuMs, (error, isComplete) => {
            signal.removeEventListener('abort', onAbort);
            if (thread !== undefined) this.returnThread(thread, error);
            if (error === undefined) resolve();
            else reject(error);
            this.queue.end(job, isComplete);
          });
        },
        refuse: (error) => {
          signal.removeEventListener('abort', onAbort);
          reject(error);
        },
      };
      const onAbort = (): void => {
        reject(signal.reason);
        // A job that runs keeps its core until its thread has noticed.
        if (!this.queue.remove(job)) thread?.stop();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        this.queue.add(job);
      } catch (error) {
        signal.removeEventListener('abort', onAbort);
        throw error;
      }
    });
  }

  /** Terminates the threads. */
  async stop(): Promise<void> {
    await Promise.all([...this.threads].map((thread) => thread.terminate()));
  }

  private takeThread(): BurnThread {
    const thread = this.idle.pop() ?? new BurnThread();
    this.threads.add(thread);
    return thread;
  }

  private returnThread(thread: BurnThread, error: Error | undefined): void {
    if (error === undefined) this.idle.push(thread);
    else this.threads.delete(thread);
  }
}

/** Worker thread that does one job at a time. It is kept for the next one, because a start costs as much as many jobs. */
class BurnThread {
  private readonly stopFlag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  private readonly worker = new Worker(programFile('execute/directives/burn'), { workerData: this.stopFlag.buffer });
  private onEnd: ((error: Error | undefined, isComplete: boolean) => void) | undefined;

  constructor() {
    this.worker.on('message', (isComplete: boolean) => {
      this.worker.unref();
      this.end(undefined, isComplete);
    });
    this.worker.on('error', (error) => this.end(error as Error, false));
  }

  /** @param onEnd is called once: with the error of a thread that has died, or whether the CPU time was spent */
  burn(cpuMs: number, onEnd: (error: Error | undefined, isComplete: boolean) => void): void {
    this.onEnd = onEnd;
    Atomics.store(this.stopFlag, 0, 0);
    this.worker.ref();
    this.worker.postMessage(cpuMs);
  }

  /** Makes the thread end its job early. */
  stop(): void {
    Atomics.store(this.stopFlag, 0, 1);
  }

  async terminate(): Promise<void> {
    await this.worker.terminate();
  }

  private end(error: Error | undefined, isComplete: boolean): void {
    const onEnd = this.onEnd;
    this.onEnd = undefined;
    onEnd?.(error, isComplete);
  }
}
