import type { Headers } from '../reply/evidence.ts';

/** Which trace and span a request says that it comes from. */
export interface IncomingContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

/**
 * Reads the context that a request carries, as our services read it (`telemetry/propagation.ts`): W3C before B3.
 * Undefined when it carries none.
 */
export function incomingContext(headers: Headers): IncomingContext | undefined {
  const [, w3cTrace, w3cSpan = '', flags = ''] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/.exec(headers.traceparent ?? '') ?? [];
  if (w3cTrace !== undefined)
    return { traceId: w3cTrace, spanId: w3cSpan, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
  const [, b3Trace, b3Span = '', b3Sampled] =
    /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d]))?/.exec(headers.b3 ?? '') ?? [];
  if (b3Trace !== undefined) return b3Context(b3Trace, b3Span, b3Sampled);
  const { 'x-b3-traceid': traceId, 'x-b3-spanid': spanId, 'x-b3-sampled': sampled } = headers;
  return traceId === undefined || spanId === undefined ? undefined : b3Context(traceId, spanId, sampled);
}

function b3Context(traceId: string, spanId: string, sampled: string | undefined): IncomingContext {
  return { traceId: traceId.padStart(32, '0'), spanId, isSampled: sampled === '1' || sampled === 'd' };
}
