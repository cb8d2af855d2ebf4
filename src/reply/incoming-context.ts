import type { Headers } from './mesh-headers.ts';

/** Trace and span from which a request says that it comes. */
export interface IncomingContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** Header of a trace context in Jaeger's own format. */
export const uberHeader = 'uber-trace-id';

/**
 * Parses a context in Jaeger's own format, `TRACE:SPAN:PARENT:FLAGS` in hexadecimal digits without leading zeros. Some
 * clients encode the colons.
 *
 * @example
 * uberContext('1:2:0:1'); // { traceId: '0…01', spanId: '0…02', isSampled: true }
 */
export function uberContext(value: string | undefined): IncomingContext | undefined {
  if (value === undefined) return undefined;
  const parts = /^([0-9a-f]{1,32}):([0-9a-f]{1,16}):[0-9a-f]{1,16}:([0-9a-f]{1,2})$/i;
  const [, trace = '0', span = '0', flags = '0'] = parts.exec(value.replaceAll(/%3a/gi, ':')) ?? [];
  const [traceId, spanId] = [trace.toLowerCase().padStart(32, '0'), span.toLowerCase().padStart(16, '0')];
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/**
 * Parses the trace context of a request's headers: W3C, else B3, else Jaeger. Returns undefined if they have none.
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
  if (traceId !== undefined && spanId !== undefined) return b3Context(traceId, spanId, sampled);
  return uberContext(headers[uberHeader]);
}

function b3Context(traceId: string, spanId: string, sampled: string | undefined): IncomingContext {
  // A context without a decision leaves the decision to its reader: meshmock samples it.
  const isSampled = sampled === undefined || ['1', 'd', 'true', 'True'].includes(sampled);
  return { traceId: traceId.toLowerCase().padStart(32, '0'), spanId: spanId.toLowerCase(), isSampled };
}
