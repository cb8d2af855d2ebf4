import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cleanEnv } from '../program.ts';
import { sendHttp } from '../running-mesh.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** Memory limit of the manifests. */
export const containerBytes = 512 * 1024 * 1024;

const longestStartMs = 60_000;

/** `meshmock serve` in a process of its own, which a test attacks. */
export interface Attacked extends AsyncDisposable {
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly tcpPort: number;
  /** Port of TLS; NaN without `--tls`. */
  readonly tlsPort: number;
  /** Exit code or signal, if the process has ended. */
  readonly end: string | undefined;
  /** Everything that the process has written. */
  readonly output: string;
  /** Sends a signal to the process. */
  signal(name: NodeJS.Signals): void;
  /** Number of open file descriptors. */
  descriptors(): number;
  /** Resident memory, in bytes. */
  residentBytes(): number;
  /** Returns the `meshmock_*` metrics that are not 0, without the limits. */
  metrics(): Promise<Record<string, number>>;
  /** Returns the status of the liveness probe. */
  probe(): Promise<number>;
}

/**
 * Starts `meshmock serve` on free ports.
 *
 * @param memoryBytes memory limit, as that of a container, if this machine lets the test make control groups
 */
export async function startAttacked(args: readonly string[] = [], memoryBytes?: number): Promise<Attacked> {
  const group = memoryBytes === undefined ? undefined : makeGroup(memoryBytes);
  const serve = ['serve', '--name', 'attacked', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];
  const others = ['--tcp', '127.0.0.1:0', '--metrics', '127.0.0.1:0'];
  const command = [process.execPath, ...nodeOptions(group, memoryBytes), main, ...serve, ...others];
  const join = group === undefined ? '' : `echo $$ > ${group}/cgroup.procs && `;
  const child = spawn('/bin/sh', ['-c', `${join}exec "$@"`, 'sh', ...command, '--log-level', 'warn', ...args], {
    env: cleanEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  const exit = once(child, 'close');
  const ready = /is ready: http \S+:(\d+) grpc \S+:(\d+) tcp \S+:(\d+)(?: tls \S+:(\d+))? metrics (\S+)/;
  const signal = AbortSignal.timeout(longestStartMs);
  try {
    while (!ready.test(output)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the service ended: ${output}`);
      await Promise.race([once(child.stdout, 'data', { signal }), exit]);
    }
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  const [, http, grpc, tcp, tls, metrics] = ready.exec(output) ?? [];
  return {
    httpPort: Number(http),
    grpcPort: Number(grpc),
    tcpPort: Number(tcp),
    tlsPort: Number(tls),
    get end() {
      return child.exitCode === null && child.signalCode === null
        ? undefined
        : `${child.exitCode ?? child.signalCode}: ${output.slice(-500)}`;
    },
    get output() {
      return output;
    },
    signal: (name) => void child.kill(name),
    descriptors: () => readdirSync(`/proc/${child.pid}/fd`).length,
    residentBytes: () => 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]),
    metrics: async () => parseMetrics(await (await fetch(`http://${metrics}/metrics`)).text()),
    probe: async () => (await sendHttp(Number(http), '/-/healthy')).status,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exit;
      if (group !== undefined) rmdirSync(group);
    },
  };
}

/** Without a control group, at least the heap has the size that Node gives it in a container. */
function nodeOptions(group: string | undefined, memoryBytes: number | undefined): string[] {
  if (group !== undefined || memoryBytes === undefined) return [];
  return [`--max-old-space-size=${Math.floor(memoryBytes / 2 / 1024 / 1024)}`];
}

const parentsOfGroups = [
  { path: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes' },
  { path: '/sys/fs/cgroup', limit: 'memory.max' },
];

/** Makes a control group with a memory limit. Returns undefined if this machine does not allow it. */
function makeGroup(memoryBytes: number): string | undefined {
  for (const { path, limit } of parentsOfGroups) {
    const group = `${path}/meshmock-test-${process.pid}-${groups++}`;
    try {
      mkdirSync(group);
      if (existsSync(`${group}/${limit}`)) {
        writeFileSync(`${group}/${limit}`, String(memoryBytes));
        return group;
      }
      rmdirSync(group);
    } catch {
      // Only root may do this, and not everywhere.
    }
  }
  return undefined;
}

let groups = 0;

function parseMetrics(page: string): Record<string, number> {
  const lines = page.matchAll(/^meshmock_(?!limit)(\S+) (\S+)$/gm);
  return Object.fromEntries(
    [...lines].map(([, name, value]) => [name, Number(value)]).filter(([, value]) => value !== 0),
  );
}

/** Waits until a condition holds, and fails after a time. */
export async function until(
  description: string,
  maxMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadlineAt = performance.now() + maxMs;
  while (!(await holds())) {
    if (performance.now() > deadlineAt) throw new Error(`not within ${maxMs} ms: ${description}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
