import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { killGroup } from '../process/program.ts';
import { waitUntilReady } from '../process/ready.ts';

/** Program of a pod that starts again when it ends, as kubelet restarts a container. */
export interface ProgramOptions {
  /** Name of the program in messages, such as `the mock of pod NAME`. */
  readonly name: string;
  /** Path of the log file. */
  readonly log: string;
  start(): ChildProcess;
  /** Resolves when the program is ready. */
  ready(program: ChildProcess, signal: AbortSignal): Promise<unknown>;
  /** Called when the program becomes ready, or is not ready any more. */
  onChange(): void;
  /** Called with the name of the program if it ends after it was ready. */
  onExit(name: string): void;
}

const firstBackoffMs = 1000;
const maxBackoffMs = 30_000;
const endTimeoutMs = 2000;

/** Keeps a program of a pod running, with longer and longer pauses between its restarts. */
export class SupervisedProgram {
  private readonly options: ProgramOptions;
  private readonly stopped = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private child: ChildProcess | undefined;
  private isRestartWanted = false;
  isReady = false;
  restarts = 0;
  /** Reason for which the program is not ready, with the end of its log. */
  problem: string | undefined;

  constructor(options: ProgramOptions) {
    this.options = options;
  }

  /** Running process, if there is one. */
  get process(): ChildProcess | undefined {
    return this.child;
  }

  /** Starts the program and keeps it running. */
  start(): void {
    this.running = this.run();
    this.running.catch(() => {});
  }

  /** Ends the process and starts a new one at once. */
  restart(): void {
    this.isRestartWanted = true;
    this.isReady = false;
    if (this.child !== undefined) void end(this.child);
  }

  /** Ends the program and waits until it has ended. */
  async stop(): Promise<void> {
    this.stopped.abort();
    if (this.child !== undefined) await end(this.child);
    await this.running.catch(() => {});
  }

  private async run(): Promise<void> {
    const { signal } = this.stopped;
    for (let backoffMs = firstBackoffMs; !signal.aborted; backoffMs = Math.min(2 * backoffMs, maxBackoffMs)) {
      this.isRestartWanted = false;
      if (await this.runOnce()) backoffMs = firstBackoffMs;
      if (signal.aborted) return;
      if (this.isRestartWanted) continue;
      this.restarts++;
      this.options.onChange();
      await sleep(backoffMs, undefined, { signal });
    }
  }

  /** Starts the program, and waits until it has ended. Returns whether it was ready. */
  private async runOnce(): Promise<boolean> {
    const { options } = this;
    const { name, log } = options;
    const program = options.start();
    this.child = program;
    const ended = once(program, 'exit');
    try {
      await waitUntilReady({ program, name, log }, (signal) => options.ready(program, signal), this.stopped.signal);
      this.isReady = true;
      this.problem = undefined;
      options.onChange();
    } catch (error) {
      if (this.stopped.signal.aborted) return false;
      if (!this.isRestartWanted) {
        this.problem = (error as Error).message;
        options.onChange();
      }
      await end(program);
    }
    await ended;
    killGroup(program);
    const wasReady = this.isReady;
    this.isReady = false;
    if (this.stopped.signal.aborted || this.isRestartWanted) return wasReady;
    if (wasReady) options.onExit(name);
    options.onChange();
    return wasReady;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs);
  await exit;
  clearTimeout(kill);
}
