import { context, TraceFlags } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, suppressTracing } from '@opentelemetry/core';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';
import { HopSpan } from './hop-span.ts';
import type { LostSpans } from './lost-spans.ts';
import { type EncodedGroup, encodeBySdk, SpanEncoder } from './span-encoder.ts';

/** Number of spans that share one copy of the resource. The SDK encodes as many together in less than a millisecond. */
const groupSize = 64;

/** Spans of several requests of OTLP, which are one request in a row: their fields are repeated (protobuf, "Merging"). */
export interface EncodedSpans {
  /** Number of spans. */
  readonly length: number;
  readonly parts: readonly Uint8Array[];
}

/** Serializer of exporters for spans that are encoded already. */
export const encodedSpansSerializer = {
  serializeRequest({ parts }: EncodedSpans): Uint8Array {
    const request = Buffer.concat(parts);
    for (const { buffer, byteLength } of parts) if (buffer.byteLength === byteLength) release(buffer);
    return request;
  },
  deserializeResponse: ProtobufTraceSerializer.deserializeResponse,
};

/**
 * Frees the memory of bytes that are not read any more. They have waited so long that only a full collection would free them,
 * and V8 starts one each second or two under load because of them.
 */
function release(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

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

/**
 * Batch span processor that encodes spans when they end. The batch of the SDK encodes thousands in one go, which stops the
 * event loop, and keeps as many objects until then, which the garbage collector copies. Even 64 of them are so many that V8
 * allocates parts of all spans among the old objects.
 */
export class EncodingSpanProcessor implements SpanProcessor {
  private readonly exporter: EncodedSpansExporter;
  private readonly settings: BatchSettings;
  private readonly lost: LostSpans;
  private readonly groupSize: number;
  private readonly encoder = new SpanEncoder();
  /** Spans that are not encoded yet: those of instrumentations, and all while the resource is not known. */
  private waiting: ReadableSpan[] = [];
  private groups: EncodedGroup[] = [];
  /** Number of spans in the groups. */
  private grouped = 0;
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
    if (this.length >= this.settings.maxQueueSize) {
      this.lost.add('queue_full', 1);
      return;
    }
    this.add(span);
    if (this.exporting !== undefined) return;
    if (this.length >= this.settings.maxExportBatchSize) void this.exportNext();
    else this.timer ??= setTimeout(() => void this.exportNext(), this.settings.scheduledDelayMs).unref();
  }

  async forceFlush(): Promise<void> {
    while (this.length > 0 || this.exporting !== undefined) await (this.exporting ?? this.exportNext());
  }

  async shutdown(): Promise<void> {
    this.isShutDown = true;
    await this.forceFlush();
    await this.exporter.shutdown();
  }

  /** Number of spans that are not exported yet. */
  private get length(): number {
    return this.grouped + this.encoder.length + this.waiting.length;
  }

  private add(span: ReadableSpan): void {
    if (span instanceof HopSpan && span.resource.asyncAttributesPending !== true) {
      this.encoder.add(span);
      if (this.encoder.length >= this.groupSize) this.addGroup(this.encoder.take());
      return;
    }
    this.waiting.push(span);
    if (this.waiting.length >= this.groupSize && !this.waitsForResource) this.encodeWaiting();
  }

  /** True until the attributes of the resource are known, some of which are read from files. */
  private get waitsForResource(): boolean {
    return this.waiting[0]?.resource.asyncAttributesPending === true;
  }

  private encodeWaiting(): void {
    while (this.waiting.length > 0) {
      const spans = this.waiting.splice(0, this.groupSize);
      this.addGroup({ length: spans.length, bytes: encodeBySdk(spans) });
    }
  }

  private addGroup(group: EncodedGroup): void {
    this.groups.push(group);
    this.grouped += group.length;
  }

  /** Exports a batch, and the next one at once if it is full. */
  private exportNext(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.exporting = this.exportBatch().finally(() => {
      this.exporting = undefined;
      if (this.length === 0 || this.isShutDown) return;
      if (this.length >= this.settings.maxExportBatchSize) void this.exportNext();
      else this.timer ??= setTimeout(() => void this.exportNext(), this.settings.scheduledDelayMs).unref();
    });
    return this.exporting;
  }

  private async exportBatch(): Promise<void> {
    if (this.waitsForResource) await this.waiting[0]?.resource.waitForAsyncAttributes?.();
    this.encodeWaiting();
    if (this.encoder.length > 0) this.addGroup(this.encoder.take());
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
    this.grouped -= length;
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
