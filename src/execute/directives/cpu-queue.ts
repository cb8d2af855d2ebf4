import { MeshmockError } from '../../error/meshmock-error.ts';
import { formatDurationMs } from '../../plan/quantity.ts';
import { burstMs, OverloadDetector } from '../overload/overload-detector.ts';
import { overloadAdvice } from '../overload/overload-error.ts';

/** Job that needs a core for a CPU time. */
export interface CpuJob {
  /** CPU time, in milliseconds. */
  readonly cpuMs: number;
  /** Time of the deadline, on the clock of the queue. */
  readonly deadlineAt: number;
  /** Begins the job. Call `end` of the queue when it has ended. */
  start(): void;
  /** Ends a job that has waited in vain. */
  refuse(error: MeshmockError): void;
}

/** Longest wait of a job, relative to its own time: the rest of twice its time is a margin. */
const waitShare = 0.75;

/** Weight of the last job in the average of the slowdown. */
const slowdownWeight = 0.2;

/** Maximum slowdown that is believed: a process that was stopped for a while is not slow. */
const maxSlowdown = 10;

/**
 * Queue of CPU jobs in front of cores. The CPU time of each job is known, so the wait of a new one is too. A job is refused
 * on arrival if it would miss its deadline, or wait for longer than the limit and than three quarters of its own time. So it
 * takes at most twice its time. Bursts may wait longer.
 */
export class CpuQueue {
  private readonly cores: number;
  private readonly maxWaitMs: number;
  private readonly now: () => number;
  private readonly detector = new OverloadDetector();
  private readonly running = new Map<CpuJob, number>();
  private readonly waiting: CpuJob[] = [];
  /** Average of the time of a job, divided by its CPU time: other programs use the cores too. */
  private slowdown = 1;
  /** Time for which the cores were idle until `changedAt`, in milliseconds, as the average of the cores. */
  private idleMs = 0;
  private changedAt: number;

  /** @param maxWaitMs longest wait of a job that is shorter than this, in milliseconds; 0 for any wait */
  constructor(cores: number, maxWaitMs: number, now: () => number = () => performance.now()) {
    this.cores = cores;
    this.maxWaitMs = maxWaitMs;
    this.now = now;
    this.changedAt = now();
  }

  /**
   * Adds a job, and starts it if a core is free.
   *
   * @throws MeshmockError `overloaded` if the job is refused
   */
  add(job: CpuJob): void {
    const now = this.now();
    const waitMs = this.waitMs(now);
    const takesMs = job.cpuMs * this.slowdown;
    const leftMs = job.deadlineAt - now;
    // A job that is longer than its deadline ends with it, as without a queue.
    if (waitMs > 0 && job.cpuMs <= leftMs && waitMs + takesMs > leftMs) throw lateError(job, waitMs, leftMs);
    const isShort = waitMs <= Math.max(this.maxWaitMs, waitShare * takesMs);
    const isOverloaded = this.detector.add(now, this.idleUntil(now), isShort);
    const isInBurst = !isOverloaded && waitMs <= burstMs;
    if (this.maxWaitMs > 0 && !isShort && !isInBurst) throw overloadError(job, waitMs);
    if (this.running.size < this.cores) this.start(job, now);
    else this.waiting.push(job);
  }

  /** Removes a job that is not wanted any longer. Reports whether it was waiting; a job that runs is not removed. */
  remove(job: CpuJob): boolean {
    const place = this.waiting.indexOf(job);
    if (place >= 0) this.waiting.splice(place, 1);
    return place >= 0;
  }

  /**
   * Frees the core of a job, and starts the next one.
   *
   * @param isComplete whether the job has used its CPU time
   */
  end(job: CpuJob, isComplete: boolean): void {
    const now = this.now();
    const startedAt = this.running.get(job);
    if (startedAt === undefined) return;
    if (isComplete && job.cpuMs > 0) {
      const last = Math.min(maxSlowdown, Math.max(1, (now - startedAt) / job.cpuMs));
      this.slowdown += slowdownWeight * (last - this.slowdown);
    }
    this.change(now, () => this.running.delete(job));
    this.startNext(now);
  }

  private startNext(now: number): void {
    while (this.running.size < this.cores) {
      const job = this.waiting.shift();
      if (job === undefined) return;
      const leftMs = job.deadlineAt - now;
      if (leftMs < job.cpuMs && leftMs > 0) job.refuse(lateError(job, 0, leftMs));
      else this.start(job, now);
    }
  }

  private start(job: CpuJob, now: number): void {
    this.change(now, () => this.running.set(job, now));
    job.start();
  }

  /** Returns the time until a core is free for a new job, in milliseconds. */
  private waitMs(now: number): number {
    if (this.running.size < this.cores) return 0;
    const cores = [...this.running].map(([{ cpuMs }, startedAt]) =>
      Math.max(0, cpuMs - (now - startedAt) / this.slowdown),
    );
    for (const { cpuMs } of this.waiting) {
      const next = Math.min(...cores);
      cores[cores.indexOf(next)] = next + cpuMs;
    }
    return Math.min(...cores) * this.slowdown;
  }

  private idleUntil(now: number): number {
    return this.idleMs + ((this.cores - this.running.size) / this.cores) * (now - this.changedAt);
  }

  private change(now: number, action: () => void): void {
    this.idleMs = this.idleUntil(now);
    this.changedAt = now;
    action();
  }
}

function overloadError({ cpuMs }: CpuJob, waitMs: number): MeshmockError {
  const cause = `~cpu=${formatDurationMs(cpuMs)} would wait for ${Math.round(waitMs)} ms until a core is free`;
  return new MeshmockError('overloaded', `${cause}: ${overloadAdvice}`);
}

function lateError({ cpuMs }: CpuJob, waitMs: number, leftMs: number): MeshmockError {
  const wait = waitMs === 0 ? '' : `, after a wait of ${Math.round(waitMs)} ms`;
  const cause = `~cpu=${formatDurationMs(cpuMs)} cannot end within ${Math.round(leftMs)} ms, which the deadline leaves`;
  return new MeshmockError('overloaded', `${cause}${wait}: send fewer at once, or run more pods`);
}
