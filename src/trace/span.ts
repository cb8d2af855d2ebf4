import { type GrpcStatusName, grpcStatusNames } from '../plan/plan.ts';

export type SpanKind = 'server' | 'client' | 'internal' | 'producer' | 'consumer' | 'unspecified';

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Span of any program, with the fields that the checks use. */
export interface Span {
  /** Trace id: 32 hexadecimal digits. */
  readonly traceId: string;
  /** Span id: 16 hexadecimal digits. */
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** `service.name` of the resource. */
  readonly service: string;
  /** Name of the instrumentation that made the span. */
  readonly scope: string;
  readonly kind: SpanKind;
  readonly name: string;
  readonly isError: boolean;
  /** Start in milliseconds since the epoch. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly attributes: Attributes;
  readonly resource: Attributes;
}

/** Reports whether meshmock's own code made a span, for a hop. Spans of other instrumentation in a meshmock do not count. */
export function isMeshmockSpan({ scope }: Span): boolean {
  return scope === 'meshmock';
}

/** Status of the answer in a span: an HTTP status as a number, a gRPC status by its name. */
export type SpanStatus = number | string;

/**
 * Reads the status of the answer from a span's attributes. It understands OpenTelemetry's semantic conventions, new and
 * old, and Envoy's attributes: these are all strings, and a gRPC call also has an HTTP status.
 */
export function statusOf({ attributes }: Span): SpanStatus | undefined {
  const grpc =
    attributes['rpc.response.status_code'] ?? attributes['rpc.grpc.status_code'] ?? attributes['grpc.status_code'];
  if (grpc !== undefined) return grpcNameOf(grpc);
  const http = Number(
    attributes['http.response.status_code'] ?? attributes['http.status_code'] ?? attributes['meshmock.status'] ?? 0,
  );
  // Envoy records 0 if the client disconnected before the answer.
  return http >= 100 ? http : undefined;
}

function grpcNameOf(code: string | number | boolean): GrpcStatusName | string {
  return grpcStatusNames[Number(code)] ?? String(code);
}

/** Returns the code of the error of a call without an answer. */
export function errorOf({ attributes }: Span): string | undefined {
  const error = attributes['meshmock.error'];
  return error === undefined ? undefined : String(error);
}

/** Reports whether a meshmock's span is of a gRPC call. */
export function isGrpc({ attributes }: Span): boolean {
  return attributes['rpc.system.name'] === 'grpc';
}

/** Returns the number of the attempt of a meshmock's CLIENT span, from 1. */
export function attemptOf({ attributes }: Span): number {
  return Number(attributes['meshmock.attempt'] ?? 1);
}

/** Describes a span by its kind, service and id. */
export function spanText(span: Span): string {
  const { spanId, service, scope } = span;
  // A sidecar has the name of its service.
  return `the ${kindName(span)} span of ${isMeshmockSpan(span) ? service : `${service} by ${scope || span.name}`} (${spanId})`;
}

/** Returns the kind of a span as OpenTelemetry writes it, such as `CLIENT`. */
export function kindName({ kind }: Span): string {
  return kind.toUpperCase();
}
