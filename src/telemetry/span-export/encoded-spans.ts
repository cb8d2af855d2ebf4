import { context, TraceFlags } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, suppressTracing } from '@opentelemetry/core';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { LostSpans } from './lost-spans.ts';
import { SpanEncoder } from './span-encoder.ts';

/**
 * Number of spans that are encoded together. They share one copy of the resource, and take less than a millisecond. So
 * few are young objects when they are encoded, which costs the garbage collector least.
 */
const groupSize = 64;

/** Spans of several requests of OTLP, which are one request in a row: their fields are repeated (protobuf, "Merging"). */
export interface EncodedSpans {
  /** Number of spans. */
  readonly length: number;
  readonly parts: readonly Uint8Array[];
}

/** Serializer of exporters for spans that are encoded already. */
export const encodedSpansSerializer = {
  serializeRequest: ({ parts }: EncodedSpans): Uint8Array => Buffer.concat(parts),
  deserializeResponse: ProtobufTraceSerializer.deserializeResponse,
};

/** Counter of encoded spans, for the metrics of exporters. */
export const encodedSpansCount = { name: 'span' as const, countItems: ({ length }: EncodedSpans): number => length };

/** Exporter of encoded spans. */
export interface EncodedSpansExporter {
  export(spans: EncodedSpans, onResult: (result: ExportResult) => void): void;
  shutdown(): Promise<void>;
}

/** Settings of a batch span processor (OpenTelemetry, "Batch Span Processor"). */
export interface BatchSettings {
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
  readonly scheduledDelayMs: number;
  readonly exportTimeoutMs: number;
}

/** Spans that are encoded together. */
interface Group {
  /** Number of spans. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

/**
 * Batch span processor that encodes spans soon after they end, a few at a time. The batch of the SDK encodes thousands in
 * one go, which stops the event loop, and keeps as many objects until then, which the garbage collector copies.
 */
export class EncodingSpanProcessor implements SpanProcessor {
  private readonly exporter: EncodedSpansExporter;
  private readonly settings: BatchSettings;
  private readonly lost: LostSpans;
  private readonly groupSize: number;
  private readonly encoder = new SpanEncoder();
  /** Spans that are not encoded yet. */
  private ended: ReadableSpan[] = [];
  private groups: Group[] = [];
  private encoded = 0;
  private timer: NodeJS.Timeout | undefined;
  private exporting: Promise<void> | undefined;
  private isShutDown = false;

  constructor(exporter: EncodedSpansExporter, settings: BatchSettings, lost: LostSpans) {
    this.exporter = exporter;
    this.settings = settings;
    this.lost = lost;
    this.groupSize = Math.min(groupSize, settings.maxExportBatchSize);
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.isShutDown || (span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    if (this.encoded + this.ended.length >= this.settings.maxQueueSize) {
      this.lost.add('queue_full', 1);
      return;
    }
    this.ended.push(span);
    if (this.ended.length >= this.groupSize && !this.waitsForResource) this.encode();
    if (this.exporting !== undefined) return;
    if (this.encoded + this.ended.length >= this.settings.maxExportBatchSize) void this.exportNext();
    else this.timer ??= setTimeout(() => void this.exportNext(), this.settings.scheduledDelayMs).unref();
  }

  async forceFlush(): Promise<void> {
    while (this.encoded + this.ended.length > 0 || this.exporting !== undefined)
      await (this.exporting ?? this.exportNext());
  }

  async shutdown(): Promise<void> {
    this.isShutDown = true;
    await this.forceFlush();
    await this.exporter.shutdown();
  }

  /** True until the attributes of the resource are known, some of which are read from files. */
  private get waitsForResource(): boolean {
    return this.ended[0]?.resource.asyncAttributesPending === true;
  }

  private encode(): void {
    while (this.ended.length > 0) {
      const spans = this.ended.length <= this.groupSize ? this.ended : this.ended.slice(0, this.groupSize);
      this.ended = this.ended.slice(spans.length);
      this.groups.push({ length: spans.length, bytes: this.encoder.encode(spans) });
      this.encoded += spans.length;
    }
  }

  /** Exports a batch, and the next one at once if it is full. */
  private exportNext(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.exporting = this.exportBatch().finally(() => {
      this.exporting = undefined;
      if (this.encoded + this.ended.length === 0 || this.isShutDown) return;
      if (this.encoded + this.ended.length >= this.settings.maxExportBatchSize) void this.exportNext();
      else this.timer ??= setTimeout(() => void this.exportNext(), this.settings.scheduledDelayMs).unref();
    });
    return this.exporting;
  }

  private async exportBatch(): Promise<void> {
    if (this.waitsForResource) await this.ended[0]?.resource.waitForAsyncAttributes?.();
    this.encode();
    const batch = this.takeBatch();
    if (batch.length === 0) return;
    const result = await this.resultOf(batch);
    if (result.code === ExportResultCode.SUCCESS) return;
    this.lost.add('export_failed', batch.length);
    this.lost.reportRefusal(result.error);
  }

  private takeBatch(): EncodedSpans {
    const parts: Uint8Array[] = [];
    let length = 0;
    let taken = 0;
    for (const group of this.groups) {
      if (length + group.length > this.settings.maxExportBatchSize) break;
      length += group.length;
      parts.push(group.bytes);
      taken++;
    }
    this.groups = this.groups.slice(taken);
    this.encoded -= length;
    return { length, parts };
  }

  private resultOf(batch: EncodedSpans): Promise<ExportResult> {
    return new Promise((resolve) => {
      const { exportTimeoutMs } = this.settings;
      const timer = setTimeout(
        () => resolve({ code: ExportResultCode.FAILED, error: new Error(`no answer within ${exportTimeoutMs} ms`) }),
        exportTimeoutMs,
      );
      context.with(suppressTracing(context.active()), () =>
        this.exporter.export(batch, (result) => {
          clearTimeout(timer);
          resolve(result);
        }),
      );
    });
  }
}
