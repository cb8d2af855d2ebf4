import type { Headers } from './mesh-headers.ts';

/** Which trace and span a request says that it comes from. */
export interface IncomingContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

/**
 * Reads the context that a request carries, as our services read it (`telemetry/propagation.ts`): W3C, else B3.
 * Undefined when it carries none.
 */
export function incomingContext(headers: Headers): IncomingContext | undefined {
  const [, w3cTrace, w3cSpan = '', flags = ''] =
    /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})/.exec(
      headers.traceparent ?? '',
    ) ?? [];
  if (w3cTrace !== undefined)
    return { traceId: w3cTrace, spanId: w3cSpan, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
  const [, b3Trace, b3Span = '', b3Sampled] =
    /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d]))?/.exec(headers.b3 ?? '') ?? [];
  if (b3Trace !== undefined) return b3Context(b3Trace, b3Span, b3Sampled);
  const { 'x-b3-traceid': traceId, 'x-b3-spanid': spanId, 'x-b3-sampled': sampled } = headers;
  return traceId === undefined || spanId === undefined ? undefined : b3Context(traceId, spanId, sampled);
}

function b3Context(traceId: string, spanId: string, sampled: string | undefined): IncomingContext {
  // Without a decision it is left to who reads it, which is us.
  const isSampled = sampled === undefined || ['1', 'd', 'true', 'True'].includes(sampled);
  return { traceId: traceId.toLowerCase().padStart(32, '0'), spanId: spanId.toLowerCase(), isSampled };
}
