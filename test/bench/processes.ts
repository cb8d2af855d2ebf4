import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { serviceReady } from '../../src/serve/process/service-channel.ts';

const children: ChildProcess[] = [];
/** Programs without a channel, which a signal ends. */
const programs: ChildProcess[] = [];

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

/**
 * Starts a program that is not ours, and waits until it accepts connections at a port.
 *
 * @throws Error if the program ends first
 */
export async function startProgram(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  port: number,
): Promise<number> {
  const child = spawn(file, args, { env, stdio: 'ignore' });
  programs.push(child);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${file} ended with exit code ${code}`);
  });
  await Promise.race([ended, accepts(port)]);
  ended.catch(() => {});
  return child.pid ?? 0;
}

async function accepts(port: number): Promise<void> {
  for (;;) {
    const socket = net.connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await sleep(20);
  }
}

/** Ends all processes that were started, and waits until they have exported their spans. */
export async function stopProcesses(): Promise<void> {
  const ends = [
    ...children.splice(0).map((child) => ({ child, end: () => child.disconnect() })),
    ...programs.splice(0).map((child) => ({ child, end: () => void child.kill() })),
  ];
  await Promise.all(
    ends.map(({ child, end }) => {
      if (child.exitCode !== null || child.signalCode !== null) return undefined;
      const exit = once(child, 'exit');
      end();
      return exit;
    }),
  );
}

/** Server that accepts spans and drops them: OTLP and Zipkin over HTTP, and OTLP over gRPC. */
export interface SpanSink {
  readonly url: string;
  /** URL of OTLP over gRPC. */
  readonly grpcUrl: string;
  /** Returns the number of requests with spans so far. */
  received(): number;
  close(): void;
}

/** Method with which OTLP exporters send spans over gRPC (opentelemetry-proto, trace_service.proto). */
const exportMethod = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const asBytes = (bytes: Buffer): Buffer => bytes;

export async function startSink(): Promise<SpanSink> {
  let count = 0;
  const server = http.createServer((incoming, response) => {
    count++;
    incoming.resume().on('end', () => response.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const grpcServer = new Server();
  const codec = {
    requestSerialize: asBytes,
    requestDeserialize: asBytes,
    responseSerialize: asBytes,
    responseDeserialize: asBytes,
  };
  grpcServer.addService(
    { Export: { path: exportMethod, requestStream: false, responseStream: false, ...codec } },
    {
      Export: (_call: unknown, respond: (error: null, message: Buffer) => void) => {
        count++;
        respond(null, Buffer.alloc(0));
      },
    },
  );
  const grpcPort = await new Promise<number>((resolve, reject) => {
    grpcServer.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    grpcUrl: `http://127.0.0.1:${grpcPort}`,
    received: () => count,
    close: () => {
      server.close();
      grpcServer.forceShutdown();
    },
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
