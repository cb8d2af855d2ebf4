import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshmockError } from '../plan/error.ts';

/** Where a Jaeger listens, each `HOST:PORT`. */
export interface JaegerAddresses {
  readonly otlpHttp: string;
  readonly query: string;
  readonly queryGrpc: string;
  readonly health: string;
}

/** The configuration of a Jaeger that keeps traces in memory, and shows them as soon as can be. */
export function jaegerConfig({ otlpHttp, query, queryGrpc, health }: JaegerAddresses): unknown {
  return {
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
    receivers: { otlp: { protocols: { http: { endpoint: otlpHttp } } } },
    processors: { batch: { timeout: '100ms' } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
  };
}

/** Its own spans would go to the standard port. */
export const jaegerEnv = { OTEL_TRACES_SAMPLER: 'always_off' } as const;

/**
 * Starts a Jaeger and waits until it is healthy.
 *
 * @param start starts the program with these arguments
 * @throws MeshmockError `usage` when it ends instead
 */
export async function startJaeger(
  folder: string,
  addresses: JaegerAddresses,
  start: (args: readonly string[]) => ChildProcess,
  signal: AbortSignal,
): Promise<ChildProcess> {
  const config = path.join(folder, 'jaeger.json');
  writeFileSync(config, JSON.stringify(jaegerConfig(addresses)));
  const child = start(['--config', config]);
  const ended = new AbortController();
  once(child, 'exit', { signal }).then(
    () => ended.abort(),
    () => {},
  );
  while (!(await isHealthy(addresses.health))) {
    if (ended.signal.aborted) throw new MeshmockError('usage', 'Jaeger did not start');
    await sleep(50, undefined, { signal });
  }
  return child;
}

async function isHealthy(health: string): Promise<boolean> {
  return fetch(`http://${health}/status`).then(
    ({ ok }) => ok,
    () => false,
  );
}
