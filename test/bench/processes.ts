import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { serviceReady } from '../../src/serve/process/service-channel.ts';

const children: ChildProcess[] = [];

/** Process that has started, with its addresses as HOST:PORT. */
export interface StartedProcess {
  readonly pid: number;
  readonly http: string;
  readonly grpc: string;
}

/** Starts a module that reports its addresses, and waits for them. */
export async function startProcess(
  module: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<StartedProcess> {
  const child = fork(fileURLToPath(new URL(module, import.meta.url)), args, { env: { ...process.env, ...env } });
  children.push(child);
  const ended = new AbortController();
  child.once('exit', () => ended.abort());
  const ready = await serviceReady(child, ended.signal);
  return { pid: child.pid ?? 0, http: ready.http, grpc: ready.grpc };
}

/** Ends all processes that were started, and waits until they have exported their spans. */
export async function stopProcesses(): Promise<void> {
  await Promise.all(
    children.splice(0).map((child) => {
      const exit = once(child, 'exit');
      child.disconnect();
      return exit;
    }),
  );
}

/** Server that accepts spans and drops them. */
export interface SpanSink {
  readonly url: string;
  close(): void;
}

export async function startSink(): Promise<SpanSink> {
  const server = http.createServer((incoming, response) => {
    incoming.resume().on('end', () => response.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    close: () => server.close(),
  };
}

/** Returns the CPU time of a process with all its threads, in microseconds (`schedstat`), or NaN without /proc. */
export function cpuUsOf(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const ns = threads.map((id) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]));
    return ns.reduce((sum, each) => sum + each, 0) / 1000;
  } catch {
    return Number.NaN;
  }
}

/** Returns the memory of a process that it shares with no other, in megabytes, or NaN without /proc. */
export function privateMegabytesOf(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    const kilobytes = [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].map(([, value]) => Number(value));
    return kilobytes.reduce((sum, each) => sum + each, 0) / 1024;
  } catch {
    return Number.NaN;
  }
}
