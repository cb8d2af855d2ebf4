import { MeshmockError } from '../error/meshmock-error.ts';
import type { Attributes, Span, SpanKind } from './span.ts';

/** Kinds of spans at the index of their number (opentelemetry-proto, trace.proto). Protobuf's JSON may use number or name. */
const kinds: readonly SpanKind[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

const errorStatus: ReadonlySet<unknown> = new Set([2, 'STATUS_CODE_ERROR']);

type Fields = Readonly<Record<string, unknown>>;

/**
 * Parses the spans of an OTLP message in JSON (opentelemetry-proto, trace.proto), such as the `result` of Jaeger's
 * `/api/v3/traces/{id}`.
 *
 * @example
 * const { result } = await response.json();
 * const spans = readOtlp(result);
 *
 * @throws MeshmockError `unavailable` if the message is not OTLP
 */
export function readOtlp(message: unknown): Span[] {
  return listOf(message, 'resourceSpans').flatMap((resourceSpans) => {
    const resource = attributesOf(fieldsOf(resourceSpans.resource ?? {}, 'resource'));
    return listOf(resourceSpans, 'scopeSpans').flatMap((scopeSpans) => {
      const scope = textOf(fieldsOf(scopeSpans.scope ?? {}, 'scope').name);
      return listOf(scopeSpans, 'spans').map((span) => readSpan(span, scope, resource));
    });
  });
}

function readSpan(span: Fields, scope: string, resource: Attributes): Span {
  const attributes = attributesOf(span);
  const startMs = Number(span.startTimeUnixNano ?? 0) / 1e6;
  const parentSpanId = span.parentSpanId ? idOf(span.parentSpanId, 16) : undefined;
  return {
    traceId: idOf(span.traceId, 32),
    spanId: idOf(span.spanId, 16),
    // Some programs write an id of zeros for a span without a parent.
    parentSpanId: parentSpanId === '0'.repeat(16) ? undefined : parentSpanId,
    service: String(resource['service.name'] ?? ''),
    // Stores without scopes keep the scope as an attribute (OpenTelemetry specification, mapping to non-OTLP).
    scope: scope || String(attributes['otel.scope.name'] ?? ''),
    kind: kindOf(span.kind),
    name: textOf(span.name),
    isError: errorStatus.has(fieldsOf(span.status ?? {}, 'status').code),
    startMs,
    durationMs: Math.max(0, Number(span.endTimeUnixNano ?? 0) / 1e6 - startMs),
    attributes,
    resource,
  };
}

function kindOf(kind: unknown): SpanKind {
  if (typeof kind === 'number') return kinds[kind] ?? 'unspecified';
  const name = textOf(kind)
    .replace(/^SPAN_KIND_/, '')
    .toLowerCase();
  return kinds.find((known) => known === name) ?? 'unspecified';
}

function idOf(id: unknown, length: number): string {
  if (typeof id === 'string' && id.length === length && /^[0-9a-f]+$/i.test(id)) return id.toLowerCase();
  throw notOtlp(`${JSON.stringify(id)} is not an id of ${length} hexadecimal digits`);
}

/** Reads the attributes of a span or resource. Lists and maps are skipped: no check uses them. */
function attributesOf(holder: Fields): Attributes {
  const attributes: Record<string, string | number | boolean> = {};
  for (const { key, value } of listOf(holder, 'attributes')) {
    for (const [type, held] of Object.entries(fieldsOf(value ?? {}, 'value'))) {
      // Protobuf's JSON writes integers of 64 bits as text.
      if (type === 'intValue' || type === 'doubleValue') attributes[textOf(key)] = Number(held);
      else if (typeof held === 'string' || typeof held === 'boolean') attributes[textOf(key)] = held;
    }
  }
  return attributes;
}

function listOf(holder: unknown, name: string): Fields[] {
  const list = fieldsOf(holder, 'message')[name] ?? [];
  if (!Array.isArray(list)) throw notOtlp(`${name} is not a list`);
  return list.map((item) => fieldsOf(item, name));
}

function fieldsOf(value: unknown, name: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw notOtlp(`${name} is not an object`);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function notOtlp(problem: string): MeshmockError {
  return new MeshmockError('unavailable', `the trace is not OTLP in JSON: ${problem}`);
}
