import { createNoopMeter } from '@opentelemetry/api';
import { getNumberFromEnv, getStringFromEnv, getStringListFromEnv, setGlobalErrorHandler } from '@opentelemetry/core';
import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import { optional } from '../error/optional.ts';
import type { LostSpans } from './lost-spans.ts';

/**
 * Creates the span processors that the standard variables name, as sdk-node creates them, and counts the spans that they
 * lose. sdk-node itself counts them only in metrics that it exports.
 */
export async function spanProcessorsFromEnv(lost: LostSpans): Promise<SpanProcessor[]> {
  setGlobalErrorHandler((error) => lost.report(`no collector has accepted them: ${messageOf(error)}`));
  const names = getStringListFromEnv('OTEL_TRACES_EXPORTER') ?? [];
  const selfObsMeterProvider = lost.meterProvider(createNoopMeter());
  const processors: SpanProcessor[] = [];
  for (const name of new Set(names.length === 0 ? ['otlp'] : names)) {
    if (name === 'console') {
      processors.push(new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter(), selfObsMeterProvider }));
      continue;
    }
    const exporter = await createExporter(name);
    if (exporter === undefined) continue;
    processors.push(
      new BatchSpanProcessor({
        exporter,
        selfObsMeterProvider,
        ...optional('maxQueueSize', positiveNumber('OTEL_BSP_MAX_QUEUE_SIZE')),
        ...optional('scheduledDelayMillis', positiveNumber('OTEL_BSP_SCHEDULE_DELAY')),
        ...optional('exportTimeoutMillis', positiveNumber('OTEL_BSP_EXPORT_TIMEOUT')),
        ...optional('maxExportBatchSize', positiveNumber('OTEL_BSP_MAX_EXPORT_BATCH_SIZE')),
      }),
    );
  }
  return processors;
}

/** Returns undefined for an exporter that OpenTelemetry does not know, which is ignored. */
async function createExporter(name: string): Promise<SpanExporter | undefined> {
  switch (name) {
    case 'otlp':
      return createOtlpExporter();
    case 'zipkin':
      return new (await import('@opentelemetry/exporter-zipkin')).ZipkinExporter();
    default:
      return undefined;
  }
}

async function createOtlpExporter(): Promise<SpanExporter> {
  switch (getStringFromEnv('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? getStringFromEnv('OTEL_EXPORTER_OTLP_PROTOCOL')) {
    case 'grpc':
      return new (await import('@opentelemetry/exporter-trace-otlp-grpc')).OTLPTraceExporter();
    case 'http/json':
      return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter();
    default:
      return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter();
  }
}

function positiveNumber(variable: string): number | undefined {
  const value = getNumberFromEnv(variable);
  return value === undefined || value <= 0 ? undefined : value;
}

/** Returns the message of an error, or its code if it has none, such as that of several refused addresses. */
function messageOf(error: unknown): string {
  const { message = '', code = '' } = error as NodeJS.ErrnoException;
  return message || code || String(error);
}
