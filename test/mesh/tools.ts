import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { choosePorts } from '../../src/cli/up/ports.ts';
import { type JaegerAddresses, jaegerArguments, jaegerEnv, jaegerReady } from '../../src/istio/local-mesh/jaeger.ts';
import { installTools } from '../../src/istio/tools/install-tools.ts';

/** Returns the path of a real tool, and installs it if needed. Throws if it cannot be installed. */
export async function toolPath(name: 'jaeger' | 'grpcurl'): Promise<string> {
  const { [name]: folder } = await installTools([name], new AbortController().signal);
  return path.join(folder, name);
}

export type Grpcurl = (...args: string[]) => Promise<{ stdout: string; stderr: string; code: number }>;

/** Returns a function that runs grpcurl without TLS and without a proto file. */
export async function grpcurl(): Promise<Grpcurl> {
  const program = await toolPath('grpcurl');
  return async (...args) => {
    try {
      return { ...(await promisify(execFile)(program, ['-plaintext', ...args])), code: 0 };
    } catch (error) {
      const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
      return { stdout, stderr, code };
    }
  };
}

export interface Jaeger extends AsyncDisposable {
  /** URL of its OTLP endpoint over HTTP. */
  readonly otlp: string;
  /** URL of its query API over HTTP. */
  readonly url: string;
  /** Address of its query API over gRPC, as `host:port`. */
  readonly grpc: string;
  /** Sends a request to the query API. Returns undefined if the answer is an error. */
  query(path: string): Promise<unknown>;
}

const longestStartMs = 60_000;

/** Starts a Jaeger that keeps traces in memory, on free ports. */
export async function startJaeger(): Promise<Jaeger> {
  const program = await toolPath('jaeger');
  const host = '127.0.0.1';
  const ports = await choosePorts(
    ['otlp', 'query', 'query gRPC', 'health'].map((name) => ({ flag: '', name, host, port: 0 })),
  );
  const [otlp, query, queryGrpc, health] = ports.map((port) => `${host}:${port}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-jaeger-'));
  const addresses = { otlpHttp: otlp, query, queryGrpc, health } as JaegerAddresses;
  const child = spawn(program, jaegerArguments(folder, addresses), {
    env: { ...process.env, ...jaegerEnv },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exit = new Promise((resolve) => child.once('exit', resolve));
  const jaeger: Jaeger = {
    otlp: `http://${otlp}`,
    url: `http://${query}`,
    grpc: String(queryGrpc),
    async query(target) {
      const response = await fetch(`http://${query}${target}`);
      return response.ok ? await response.json() : undefined;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exit;
      rmSync(folder, { recursive: true });
    },
  };
  const late = AbortSignal.timeout(longestStartMs);
  await jaegerReady(addresses, late).catch(async (error: unknown) => {
    await jaeger[Symbol.asyncDispose]();
    throw error;
  });
  return jaeger;
}
