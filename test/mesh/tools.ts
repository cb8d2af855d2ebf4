import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { choosePorts } from '../../src/cli/ports.ts';

/** The path of a real tool, built first if need be. Throws when it cannot be had. */
export function toolPath(name: 'jaeger' | 'grpcurl'): string {
  const script = path.join(import.meta.dirname, '../tools/install.sh');
  const line = execFileSync(script, [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return line.trim().slice(`${name}=`.length);
}

export type Grpcurl = (...args: string[]) => Promise<{ stdout: string; stderr: string; code: number }>;

/** grpcurl, plaintext, without any proto file. */
export function grpcurl(): Grpcurl {
  const program = toolPath('grpcurl');
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
  /** Where OTLP over HTTP goes. */
  readonly otlp: string;
  /** Where its query API is, over HTTP. */
  readonly url: string;
  /** Where its query API is, over gRPC, as `host:port`. */
  readonly grpc: string;
  /** Asks the query API. */
  query(path: string): Promise<unknown>;
}

const longestStartMs = 20_000;

/** Starts a Jaeger that keeps traces in memory, on free ports. */
export async function startJaeger(): Promise<Jaeger> {
  const program = toolPath('jaeger');
  const host = '127.0.0.1';
  const ports = await choosePorts(
    ['otlp', 'query', 'query gRPC', 'health'].map((name) => ({ flag: '', name, host, port: 0 })),
  );
  const [otlp, query, queryGrpc, health] = ports.map((port) => `${host}:${port}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-jaeger-'));
  const config = path.join(folder, 'jaeger.json');
  writeFileSync(
    config,
    JSON.stringify({
      service: {
        extensions: ['jaeger_storage', 'jaeger_query', 'healthcheckv2'],
        pipelines: { traces: { receivers: ['otlp'], processors: ['batch'], exporters: ['jaeger_storage_exporter'] } },
        telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
      },
      extensions: {
        jaeger_storage: { backends: { memory: { memory: { max_traces: 10_000 } } } },
        jaeger_query: { storage: { traces: 'memory' }, http: { endpoint: query }, grpc: { endpoint: queryGrpc } },
        healthcheckv2: { use_v2: true, http: { endpoint: health } },
      },
      receivers: { otlp: { protocols: { http: { endpoint: otlp } } } },
      processors: { batch: { timeout: '100ms' } },
      exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
    }),
  );
  // It would send spans of its own to the standard port.
  const env = { ...process.env, OTEL_TRACES_SAMPLER: 'always_off' };
  const child = spawn(program, ['--config', config], { env, stdio: ['ignore', 'ignore', 'inherit'] });
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
  const until = performance.now() + longestStartMs;
  const isUp = (): Promise<boolean> =>
    fetch(`http://${health}/status`).then(
      (response) => response.ok,
      () => false,
    );
  while (!(await isUp())) {
    if (performance.now() > until || child.exitCode !== null) {
      await jaeger[Symbol.asyncDispose]();
      throw new Error('Jaeger did not start');
    }
    await sleep(50);
  }
  return jaeger;
}
