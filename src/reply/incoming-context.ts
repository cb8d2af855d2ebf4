import type { Headers } from './mesh-headers.ts';

/** Trace and span from which a request says that it comes. */
export interface IncomingContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

/**
 * Parses the trace context of a request's headers: W3C, else B3. Returns undefined if the headers have neither.
 * `telemetry/propagation.ts` reads the same headers in the same order.
 *
 * @example
 * incomingContext({ b3: '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1' });
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
  // A context without a decision leaves the decision to its reader: meshmock samples it.
  const isSampled = sampled === undefined || ['1', 'd', 'true', 'True'].includes(sampled);
  return { traceId: traceId.toLowerCase().padStart(32, '0'), spanId: spanId.toLowerCase(), isSampled };
}
