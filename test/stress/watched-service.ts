import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import http from 'node:http';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cleanEnv, main } from '../program.ts';

const preload = fileURLToPath(new URL('./report-memory.ts', import.meta.url));
const host = '127.0.0.1';

/** Figures of a process that must come back to where they were. */
export interface Footprint {
  /** Open file descriptors. */
  readonly descriptors: number;
  /** Heap, buffers and other memory in use after a garbage collection, in megabytes. */
  readonly memoryMB: number;
}

/** Maximum time until descriptors are closed after the last request, in milliseconds. */
const settleMs = 15_000;

/** Maximum time of an answer to a probe, in milliseconds: the service lives, also on a busy machine. */
const probeMs = 30_000;

/** Processes that end with this one, also if a round hangs. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Process of `meshmock serve` under attack. It must neither end, nor write errors, nor keep what it has opened. */
export class WatchedService implements AsyncDisposable {
  readonly child: ChildProcess;
  httpPort = 0;
  grpcPort = 0;
  tcpPort = 0;
  metricsPort = 0;
  private stderr = '';
  private readonly memoryLines: AsyncIterator<string>;
  private readonly exited: Promise<unknown[]>;
  private before: Footprint | undefined;

  private constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    const listen = ['--http', '--grpc', '--tcp', '--metrics'].flatMap((flag) =>
      args.includes(flag) ? [] : [flag, `${host}:0`],
    );
    const node = ['--expose-gc', '--import', preload, main];
    this.child = spawn(process.execPath, [...node, 'serve', ...listen, '--log-level', 'silent', ...args], {
      env: { ...cleanEnv(), ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    running.add(this.child);
    this.exited = once(this.child, 'exit').finally(() => running.delete(this.child));
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr = `${this.stderr}${chunk.toString()}`.slice(-10_000);
    });
    const reports = createInterface({ input: this.child.stdio[3] as Readable });
    this.memoryLines = reports[Symbol.asyncIterator]();
  }

  /** Starts a service on free ports, and waits until it is ready. */
  static async start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<WatchedService> {
    const service = new WatchedService(args, env);
    const lines = createInterface({ input: service.child.stdout as Readable });
    for await (const line of lines) {
      const [, ...ports] = /ready: http \S+:(\d+) grpc \S+:(\d+) tcp \S+:(\d+) metrics \S+:(\d+)/.exec(line) ?? [];
      if (ports.length === 0) continue;
      [service.httpPort = 0, service.grpcPort = 0, service.tcpPort = 0, service.metricsPort = 0] = ports.map(Number);
      service.child.stdout?.resume();
      return service;
    }
    throw new Error(`the service did not start: ${service.stderr}`);
  }

  /** Checks that the service runs and answers its probe. Standard error has at most the given warnings. */
  async check(expected = /^$/): Promise<void> {
    const { exitCode, signalCode } = this.child;
    assert.ok(
      exitCode === null && signalCode === null,
      `the service has ended (${exitCode ?? signalCode}): ${this.stderr}`,
    );
    assert.deepEqual(await get(this.httpPort, '/-/healthy'), { status: 200, body: 'healthy\n' });
    assert.match(this.stderr, expected);
  }

  /** Remembers the figures of now, for `settled`. */
  async remember(): Promise<void> {
    this.before = await this.footprint();
  }

  /**
   * Waits until the descriptors are back where they were, and checks the memory.
   *
   * @param maxKept number of connections that the service may keep for further calls, besides those of before
   * @returns the figures for a report
   */
  async settled(maxGrowthMB: number, maxKept = 0): Promise<string> {
    const { before } = this;
    assert.ok(before !== undefined);
    const until = performance.now() + settleMs;
    let now: Footprint = await this.footprint();
    while (now.descriptors > before.descriptors + maxKept || now.memoryMB > before.memoryMB + maxGrowthMB) {
      const figures: string = JSON.stringify({ before, now });
      assert.ok(performance.now() < until, `descriptors or memory are not back where they were: ${figures}`);
      await sleep(200);
      now = await this.footprint();
    }
    const change = (now.memoryMB - before.memoryMB).toFixed(1);
    return `descriptors ${before.descriptors} → ${now.descriptors}, memory ${change.startsWith('-') ? '' : '+'}${change} MB`;
  }

  async footprint(): Promise<Footprint> {
    this.child.kill('SIGUSR2');
    const { value } = await this.memoryLines.next();
    const { heapUsed, external } = JSON.parse(value as string) as NodeJS.MemoryUsage;
    return { descriptors: this.countDescriptors(), memoryMB: (heapUsed + external) / 1e6 };
  }

  /** Reads a metric of the service: the sum of its rows. */
  async metric(name: string): Promise<number> {
    const { body } = await get(this.metricsPort, '/metrics');
    const rows = body.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'));
    return [...rows].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  private countDescriptors(): number {
    return readdirSync(`/proc/${this.child.pid}/fd`).length;
  }

  /** Ends the service with SIGTERM, and returns its exit code. */
  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    await this.exited;
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}

/** Requests a path over a new connection, which does not stay open. */
async function get(port: number, path: string): Promise<{ status: number | undefined; body: string }> {
  const request = http.get({ host, port, path, agent: false, signal: AbortSignal.timeout(probeMs) });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}
