import { type SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { HopSpan } from './hop-span.ts';
import { MessageWriter, withoutField } from './message-writer.ts';

/** Attribute as it was encoded last. */
interface EncodedAttribute {
  readonly value: unknown;
  readonly field: Uint8Array;
}

/** Numbers of events and links that were dropped. The SDK writes them too. */
const nothingDropped = Uint8Array.of(12 << 3, 0, 14 << 3, 0);

/** Spans that are encoded as one request. */
export interface EncodedGroup {
  /** Number of spans. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

/**
 * Encoder of spans of hops as requests of OTLP (opentelemetry-proto, trace.proto). It encodes one span at a time, and keeps
 * encoded attributes, which mostly repeat. Other spans are for the serializer of the SDK (`encodeBySdk`), which takes three
 * times as long.
 */
export class SpanEncoder {
  private readonly writer = new MessageWriter();
  /** Attributes by the kind of their span and by their name. */
  private readonly attributes = new Map<SpanKind, Map<string, EncodedAttribute>>();
  private frame: Frame | undefined;
  private resourceSpans = 0;
  private scopeSpans = 0;
  /** Number of spans that are encoded, and not taken. */
  length = 0;

  /** Encodes a span. All spans have one origin. */
  add(span: HopSpan): void {
    if (this.length === 0) this.begin(span);
    this.write(span);
    this.length++;
  }

  /** Returns the spans that were added since the last call. */
  take(): EncodedGroup {
    const { writer, length } = this;
    writer.end(this.scopeSpans);
    writer.end(this.resourceSpans);
    this.length = 0;
    return { length, bytes: writer.copy() };
  }

  private begin(span: HopSpan): void {
    this.frame ??= frameOf(span);
    const { writer, frame } = this;
    writer.clear();
    this.resourceSpans = writer.begin(1);
    for (const field of frame.ofResource) writer.bytes(field);
    this.scopeSpans = writer.begin(2);
    for (const field of frame.ofScope) writer.bytes(field);
  }

  private write(span: HopSpan): void {
    const { writer } = this;
    const start = writer.begin(2);
    const { traceId, spanId, traceFlags, traceState } = span.context;
    const parent = span.parentSpanContext;
    writer.hex(1, traceId);
    writer.hex(2, spanId);
    if (traceState !== undefined) writer.text(3, traceState.serialize());
    if (parent !== undefined) writer.hex(4, parent.spanId);
    writer.text(5, span.name);
    writer.integer(6, span.kind + 1);
    const startedAt = BigInt(span.startMs) * 1_000_000n;
    writer.fixed64(7, startedAt);
    writer.fixed64(8, startedAt + BigInt(span.durationNs));
    const known = this.attributesOf(span.kind);
    for (const name in span.attributes) this.writeAttribute(known, name, span.attributes[name]);
    writer.integer(10, span.droppedAttributesCount);
    writer.bytes(nothingDropped);
    const status = writer.begin(15);
    writer.integer(3, span.isError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET);
    writer.end(status);
    writer.fixed32(16, (traceFlags & 0xff) | hasIsRemote | (parent?.isRemote === true ? isRemote : 0));
    writer.end(start);
  }

  private attributesOf(kind: SpanKind): Map<string, EncodedAttribute> {
    const known = this.attributes.get(kind);
    if (known !== undefined) return known;
    const added = new Map<string, EncodedAttribute>();
    this.attributes.set(kind, added);
    return added;
  }

  private writeAttribute(attributes: Map<string, EncodedAttribute>, name: string, value: unknown): void {
    const { writer } = this;
    const known = attributes.get(name);
    if (known !== undefined && known.value === value) {
      writer.bytes(known.field);
      return;
    }
    const from = writer.position;
    const start = writer.begin(9);
    writer.text(1, name);
    const valueStart = writer.begin(2);
    if (typeof value === 'string') writer.text(1, value);
    else if (typeof value === 'boolean') writer.integer(2, Number(value));
    else if (typeof value === 'number' && isInt64(value)) writer.integer(3, value);
    else writer.double(4, value as number);
    writer.end(valueStart);
    writer.end(start);
    attributes.set(name, { value, field: writer.copy(from) });
  }
}

/** Flags of `Span.flags`: whether the parent is remote is known, and it is (trace.proto, `SpanFlags`). */
const hasIsRemote = 0x100;
const isRemote = 0x200;

function isInt64(value: number): boolean {
  return Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;
}

/** Parts of a request around its spans, as the SDK encodes them. */
interface Frame {
  /** Fields of `ResourceSpans` without its spans. */
  readonly ofResource: readonly Uint8Array[];
  /** Fields of `ScopeSpans` without its spans. */
  readonly ofScope: readonly Uint8Array[];
}

function frameOf(span: HopSpan): Frame {
  const { content: resourceSpans } = withoutField(encodeBySdk([span]), 1);
  const { others: ofResource, content: scopeSpans } = withoutField(resourceSpans, 2);
  const { others: ofScope } = withoutField(scopeSpans, 2);
  return { ofResource, ofScope };
}

/** Encodes spans with the SDK. Its serializer returns nothing only for spans in forms other than its own. */
export function encodeBySdk(spans: ReadableSpan[]): Uint8Array {
  return ProtobufTraceSerializer.serializeRequest(spans) ?? new Uint8Array();
}
