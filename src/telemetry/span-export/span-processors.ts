import { createNoopMeter } from '@opentelemetry/api';
import { getNumberFromEnv, getStringFromEnv, getStringListFromEnv, setGlobalErrorHandler } from '@opentelemetry/core';
import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import { type BatchSettings, type EncodedSpansExporter, EncodingSpanProcessor } from './encoded-spans.ts';
import type { LostSpans } from './lost-spans.ts';

/**
 * Creates the span processors that the standard variables name, as sdk-node does, and counts the spans that they lose.
 * sdk-node itself counts them only in metrics that it exports.
 */
export async function spanProcessorsFromEnv(lost: LostSpans): Promise<SpanProcessor[]> {
  setGlobalErrorHandler((error) => lost.reportRefusal(error));
  const names = getStringListFromEnv('OTEL_TRACES_EXPORTER') ?? [];
  const processors: SpanProcessor[] = [];
  for (const name of new Set(names.length === 0 ? ['otlp'] : names)) {
    const processor = await createProcessor(name, lost);
    if (processor !== undefined) processors.push(processor);
  }
  return processors;
}

/** Returns undefined for an exporter that OpenTelemetry does not know, which is ignored. */
async function createProcessor(name: string, lost: LostSpans): Promise<SpanProcessor | undefined> {
  switch (name) {
    case 'console':
      return new SimpleSpanProcessor({
        exporter: new ConsoleSpanExporter(),
        selfObsMeterProvider: lost.meterProvider(createNoopMeter()),
      });
    case 'otlp':
      return createOtlpProcessor(lost);
    case 'zipkin':
      return batchProcessor(new (await import('@opentelemetry/exporter-zipkin')).ZipkinExporter(), lost);
    default:
      return undefined;
  }
}

async function createOtlpProcessor(lost: LostSpans): Promise<SpanProcessor> {
  const protocol =
    getStringFromEnv('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? getStringFromEnv('OTEL_EXPORTER_OTLP_PROTOCOL');
  switch (protocol) {
    case 'grpc':
      return encodingProcessor((await import('./otlp-grpc-exporter.ts')).createOtlpGrpcExporter(), lost);
    case 'http/json':
      return batchProcessor(new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter(), lost);
    default:
      return encodingProcessor((await import('./otlp-http-exporter.ts')).createOtlpHttpExporter(), lost);
  }
}

function batchProcessor(exporter: SpanExporter, lost: LostSpans): SpanProcessor {
  const { maxQueueSize, maxExportBatchSize, scheduledDelayMs, exportTimeoutMs } = batchSettings();
  return new BatchSpanProcessor({
    exporter,
    selfObsMeterProvider: lost.meterProvider(createNoopMeter()),
    maxQueueSize,
    maxExportBatchSize,
    scheduledDelayMillis: scheduledDelayMs,
    exportTimeoutMillis: exportTimeoutMs,
  });
}

function encodingProcessor(exporter: EncodedSpansExporter, lost: LostSpans): SpanProcessor {
  return new EncodingSpanProcessor(exporter, batchSettings(), lost);
}

/** Reads the settings of batches, with the defaults of the specification. */
function batchSettings(): BatchSettings {
  const maxQueueSize = positiveNumber('OTEL_BSP_MAX_QUEUE_SIZE') ?? 2048;
  return {
    maxQueueSize,
    maxExportBatchSize: Math.min(maxQueueSize, positiveNumber('OTEL_BSP_MAX_EXPORT_BATCH_SIZE') ?? 512),
    scheduledDelayMs: positiveNumber('OTEL_BSP_SCHEDULE_DELAY') ?? 5000,
    exportTimeoutMs: positiveNumber('OTEL_BSP_EXPORT_TIMEOUT') ?? 30_000,
  };
}

function positiveNumber(variable: string): number | undefined {
  const value = getNumberFromEnv(variable);
  return value === undefined || value <= 0 ? undefined : value;
}
