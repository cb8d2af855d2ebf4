import { type GrpcStatusName, grpcStatusNames } from '../plan/plan.ts';

export type SpanKind = 'server' | 'client' | 'internal' | 'producer' | 'consumer' | 'unspecified';

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** One span, whoever made it, as far as we look at it. */
export interface Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** `service.name` of its resource. */
  readonly service: string;
  /** The instrumentation that made it. */
  readonly scope: string;
  readonly kind: SpanKind;
  readonly name: string;
  readonly isError: boolean;
  /** Since the epoch, in milliseconds. */
  readonly startMs: number;
  readonly attributes: Attributes;
  readonly resource: Attributes;
}

/** Whether a meshmock made it by hand, for a hop; what else is instrumented in a meshmock is not. */
export function isMeshmockSpan({ scope }: Span): boolean {
  return scope === 'meshmock';
}

/** What a span says of the answer: an HTTP status as a number, a gRPC status as its name. */
export type SpanStatus = number | string;

/**
 * Reads the status of the answer from a span's attributes, by the semantic conventions of OpenTelemetry, new or old,
 * or as Envoy writes them: all of them text, and of a gRPC call an HTTP status besides.
 */
export function statusOf({ attributes }: Span): SpanStatus | undefined {
  const grpc =
    attributes['rpc.response.status_code'] ?? attributes['rpc.grpc.status_code'] ?? attributes['grpc.status_code'];
  if (grpc !== undefined) return grpcNameOf(grpc);
  const http = Number(attributes['http.response.status_code'] ?? attributes['http.status_code'] ?? 0);
  // Envoy's 0: the one who asked has gone before there was an answer.
  return http >= 100 ? http : undefined;
}

function grpcNameOf(code: string | number | boolean): GrpcStatusName | string {
  return grpcStatusNames[Number(code)] ?? String(code);
}

/** Why a call had no answer, in our code. */
export function errorOf({ attributes }: Span): string | undefined {
  const error = attributes['meshmock.error'];
  return error === undefined ? undefined : String(error);
}

/** Whether a span of ours is of a gRPC call. */
export function isGrpc({ attributes }: Span): boolean {
  return attributes['rpc.system.name'] === 'grpc';
}

/** Which attempt of its caller a CLIENT span of ours is, from 1. */
export function attemptOf({ attributes }: Span): number {
  return Number(attributes['meshmock.attempt'] ?? 1);
}

/** A span in words. */
export function spanText(span: Span): string {
  const { spanId, service, scope } = span;
  // Sidecars share the name of their app.
  return `the ${kindName(span)} span of ${isMeshmockSpan(span) ? service : `${service} by ${scope || span.name}`} (${spanId})`;
}

/** `CLIENT`, `SERVER`, … as OpenTelemetry writes them. */
export function kindName({ kind }: Span): string {
  return kind.toUpperCase();
}
