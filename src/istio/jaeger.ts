import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { answersOk } from './ready.ts';

/** Where a Jaeger listens, each `HOST:PORT`. */
export interface JaegerAddresses {
  readonly otlpHttp: string;
  readonly query: string;
  readonly queryGrpc: string;
  readonly health: string;
}

/** The configuration of a Jaeger that keeps traces in memory, and shows them as soon as can be. */
function jaegerConfig({ otlpHttp, query, queryGrpc, health }: JaegerAddresses): unknown {
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

/** Writes its configuration into a folder; gives its arguments. */
export function jaegerArguments(folder: string, addresses: JaegerAddresses): string[] {
  const config = path.join(folder, 'jaeger.json');
  writeFileSync(config, JSON.stringify(jaegerConfig(addresses)));
  return ['--config', config];
}

/** Resolves when a Jaeger is healthy. */
export async function jaegerReady({ health }: JaegerAddresses, signal: AbortSignal): Promise<void> {
  await answersOk(`http://${health}/status`, signal);
}
