import type { HrTime, SpanKind } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { MessageWriter, withoutField } from './message-writer.ts';

/** Attribute as it was encoded last. */
interface EncodedAttribute {
  readonly value: unknown;
  readonly field: Uint8Array;
}

/** Numbers of attributes, events and links that were dropped. The SDK writes them too. */
const nothingDropped = Uint8Array.of(10 << 3, 0, 12 << 3, 0, 14 << 3, 0);

/** Spans that are encoded as one request. */
export interface EncodedGroup {
  /** Number of spans. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

/**
 * Encoder of spans as requests of OTLP (opentelemetry-proto, trace.proto). It encodes spans in the form of those of hops, one
 * at a time, and keeps their encoded attributes, which mostly repeat. Other spans, such as those with links, are for the
 * serializer of the SDK (`encodeBySdk`), which takes three times as long.
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

  /** Encodes a span. Returns false if it has another form than the spans of hops, or another tracer than those before it. */
  add(span: ReadableSpan): boolean {
    if (!isPlain(span)) return false;
    if (this.length === 0) this.begin(span);
    else if (!isOfFrame(span, this.frame)) return false;
    this.write(span);
    this.length++;
    return true;
  }

  /** Returns the spans that were added since the last call. */
  take(): EncodedGroup {
    const { writer, length } = this;
    writer.end(this.scopeSpans);
    writer.end(this.resourceSpans);
    this.length = 0;
    return { length, bytes: writer.copy() };
  }

  private begin(span: ReadableSpan): void {
    if (this.frame === undefined || !isOfFrame(span, this.frame)) {
      this.frame = frameOf(span);
      this.attributes.clear();
    }
    const { writer, frame } = this;
    writer.clear();
    this.resourceSpans = writer.begin(1);
    for (const field of frame.ofResource) writer.bytes(field);
    this.scopeSpans = writer.begin(2);
    for (const field of frame.ofScope) writer.bytes(field);
  }

  private write(span: ReadableSpan): void {
    const { writer } = this;
    const start = writer.begin(2);
    const { traceId, spanId, traceFlags } = span.spanContext();
    const parent = span.parentSpanContext;
    writer.hex(1, traceId);
    writer.hex(2, spanId);
    if (parent?.spanId) writer.hex(4, parent.spanId);
    writer.text(5, span.name);
    writer.integer(6, span.kind + 1);
    writer.fixed64(7, nanosecondsOf(span.startTime));
    writer.fixed64(8, nanosecondsOf(span.endTime));
    const known = this.attributesOf(span.kind);
    for (const name in span.attributes) this.writeAttribute(known, name, span.attributes[name]);
    writer.bytes(nothingDropped);
    const status = writer.begin(15);
    writer.integer(3, span.status.code);
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

/** Reports whether a span has only the parts that spans of hops have. */
function isPlain(span: ReadableSpan): boolean {
  if (span.links.length + span.events.length + span.droppedAttributesCount + span.droppedLinksCount > 0) return false;
  if (span.droppedEventsCount > 0 || span.status.message !== undefined) return false;
  if (span.spanContext().traceState !== undefined) return false;
  for (const name in span.attributes) if (typeof span.attributes[name] === 'object') return false;
  return true;
}

function isOfFrame(span: ReadableSpan, frame: Frame | undefined): boolean {
  return span.resource === frame?.resource && span.instrumentationScope === frame.scope;
}

function isInt64(value: number): boolean {
  return Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;
}

function nanosecondsOf([seconds, nanoseconds]: HrTime): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}

/** Parts of a request around its spans, as the SDK encodes them. */
interface Frame {
  readonly resource: ReadableSpan['resource'];
  readonly scope: ReadableSpan['instrumentationScope'];
  /** Fields of `ResourceSpans` without its spans. */
  readonly ofResource: readonly Uint8Array[];
  /** Fields of `ScopeSpans` without its spans. */
  readonly ofScope: readonly Uint8Array[];
}

function frameOf(span: ReadableSpan): Frame {
  const { content: resourceSpans } = withoutField(encodeBySdk([span]), 1);
  const { others: ofResource, content: scopeSpans } = withoutField(resourceSpans, 2);
  const { others: ofScope } = withoutField(scopeSpans, 2);
  return { resource: span.resource, scope: span.instrumentationScope, ofResource, ofScope };
}

/** Encodes spans with the SDK. Its serializer returns nothing only for spans in forms other than its own. */
export function encodeBySdk(spans: ReadableSpan[]): Uint8Array {
  return ProtobufTraceSerializer.serializeRequest(spans) ?? new Uint8Array();
}
