import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { waitForOk } from '../process/ready.ts';

/** Addresses on which a Jaeger listens, each as `HOST:PORT`. */
export interface JaegerAddresses {
  readonly otlpHttp: string;
  readonly query: string;
  readonly queryGrpc: string;
  readonly health: string;
}

/** Returns the configuration of a Jaeger that stores traces in memory and shows them without delay. */
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

/** Environment of a Jaeger without spans of its own, which would go to the standard OTLP port. */
export const jaegerEnv = { OTEL_TRACES_SAMPLER: 'always_off' } as const;

/** Writes a Jaeger's configuration into a folder and returns the arguments of the program. */
export function jaegerArguments(folder: string, addresses: JaegerAddresses): string[] {
  const config = path.join(folder, 'jaeger.json');
  writeFileSync(config, JSON.stringify(jaegerConfig(addresses)));
  return ['--config', config];
}

/** Waits until a Jaeger reports that it is healthy. */
export async function jaegerReady({ health }: JaegerAddresses, signal: AbortSignal): Promise<void> {
  await waitForOk(`http://${health}/status`, signal);
}
