import { randomBytes } from 'node:crypto';
import {
  type Context,
  createContextKey,
  defaultTextMapSetter,
  propagation,
  type SpanContext,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3';
import { uberContext, uberHeader } from '../reply/incoming-context.ts';

type B3Format = 'single' | 'multi';

/** Headers besides those of W3C that a request brings. */
interface OtherHeaders {
  readonly b3: readonly B3Format[];
  /** Header that denies sampling without a trace (B3, "deny"). */
  readonly deny: 'b3' | 'x-b3-sampled' | undefined;
  readonly hasUber: boolean;
}

/** Context key of the other headers; absent if a request brings none. */
const otherHeadersKey = createContextKey('meshmock trace headers besides W3C');

/** Propagator that also makes the headers of a call. */
export interface HopPropagator extends Pick<TextMapPropagator, 'extract'> {
  /**
   * Returns the headers of a span.
   *
   * @param arrived context that the request brought
   */
  headersOf(span: SpanContext, arrived: Context): Record<string, string>;
}

/** Propagator that the standard variables name. */
export const standardPropagator: HopPropagator = {
  extract: (context, carrier, getter) => propagation.extract(context, carrier, getter),
  headersOf: (span, arrived) => injectedHeaders(propagation, span, arrived),
};

function injectedHeaders(
  propagator: Pick<TextMapPropagator, 'inject'>,
  span: SpanContext,
  arrived: Context,
): Record<string, string> {
  const headers: Record<string, string> = {};
  propagator.inject(trace.setSpanContext(arrived, span), headers, defaultTextMapSetter);
  return headers;
}

/**
 * Propagator for the formats of trace contexts that meshes use.
 *
 * It reads W3C, B3 single, B3 multi or Jaeger's own: the first that is well formed, and nothing of the others, since a
 * stale header would split the trace. It writes W3C, and also the other forms that arrived, all of the same span. Envoy's
 * OpenTelemetry tracer reads only W3C, and its Zipkin tracer only B3.
 */
export class MeshPropagator implements TextMapPropagator, HopPropagator {
  private readonly w3c = new W3CTraceContextPropagator();
  private readonly b3: Readonly<Record<B3Format, B3Propagator>> = {
    single: new B3Propagator({ injectEncoding: B3InjectEncoding.SINGLE_HEADER }),
    multi: new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  };

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const w3c = this.w3c.extract(context, carrier, getter);
    const has = (name: string): boolean => getter.get(carrier, name) !== undefined;
    if (!has('b3') && !has('x-b3-traceid') && !has('x-b3-sampled') && !has(uberHeader)) return w3c;
    const formats = { single: has('b3'), multi: has('x-b3-traceid') };
    const b3 = (['single', 'multi'] as const).filter((format) => formats[format]);
    const fromB3 = w3c === context && b3.length > 0 ? this.extractB3(context, carrier, getter) : w3c;
    const uber = textOf(getter.get(carrier, uberHeader));
    const extracted = uber === undefined ? fromB3 : withUber(fromB3, uber);
    const deny =
      trace.getSpanContext(extracted) !== undefined
        ? undefined
        : (['b3', 'x-b3-sampled'] as const).find((name) => getter.get(carrier, name) === '0');
    const others: OtherHeaders = { b3: deny === undefined ? b3 : [], deny, hasUber: uber !== undefined };
    const spans = deny === undefined ? extracted : trace.setSpanContext(extracted, unsampledContext());
    return spans.setValue(otherHeadersKey, others);
  }

  private extractB3(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const header = textOf(getter.get(carrier, 'b3'));
    if (header !== undefined) {
      const single = this.b3.single.extract(context, carrier, getter);
      if (single !== context) return withDecision(single, /-[01d](?:-|$)/.test(header));
    }
    // The library ignores B3 multi if B3 single is present, even if that is malformed.
    const withoutSingle: TextMapGetter = {
      keys: (held) => getter.keys(held),
      get: (held, key) => (key === 'b3' ? undefined : getter.get(held, key)),
    };
    const multi = this.b3.multi.extract(context, carrier, withoutSingle);
    if (multi === context) return context;
    const hasDecision = ['x-b3-sampled', 'x-b3-flags'].some((name) => getter.get(carrier, name) !== undefined);
    return withDecision(multi, hasDecision);
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const { b3 = [], deny, hasUber } = (context.getValue(otherHeadersKey) ?? {}) as Partial<OtherHeaders>;
    if (deny !== undefined) setter.set(carrier, deny, '0');
    this.w3c.inject(context, carrier, setter);
    for (const format of b3) this.b3[format].inject(context, carrier, setter);
    const span = trace.getSpanContext(context);
    if (hasUber !== true || span === undefined) return;
    setter.set(carrier, uberHeader, `${span.traceId}:${span.spanId}:0:${span.traceFlags & TraceFlags.SAMPLED}`);
  }

  headersOf(span: SpanContext, arrived: Context): Record<string, string> {
    const hasOthers = arrived.getValue(otherHeadersKey) !== undefined;
    if (hasOthers || span.traceState !== undefined) return injectedHeaders(this, span, arrived);
    // Most requests have only this header, which needs no context.
    return { traceparent: `00-${span.traceId}-${span.spanId}-0${span.traceFlags}` };
  }

  fields(): string[] {
    return [...this.w3c.fields(), ...this.b3.single.fields(), ...this.b3.multi.fields(), uberHeader];
  }
}

/** Adds the span of Jaeger's own header, unless another header has named one. */
function withUber(context: Context, header: string): Context {
  const uber = trace.getSpanContext(context) === undefined ? uberContext(header) : undefined;
  if (uber === undefined) return context;
  const { traceId, spanId, isSampled } = uber;
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(context, { traceId, spanId, traceFlags, isRemote: true });
}

/**
 * Normalizes a B3 context: ids in lower case, as W3C requires, and a sampling decision. An absent decision means that we
 * decide (openzipkin/b3-propagation, "Defer"), but the library would read it as a denial.
 */
function withDecision(context: Context, hasDecision: boolean): Context {
  const spanContext = trace.getSpanContext(context);
  if (spanContext === undefined) return context;
  return trace.setSpanContext(context, {
    ...spanContext,
    traceId: spanContext.traceId.toLowerCase(),
    spanId: spanContext.spanId.toLowerCase(),
    traceFlags: hasDecision ? spanContext.traceFlags : TraceFlags.SAMPLED,
  });
}

/**
 * Synthetic, unsampled W3C context that forwards a bare `b3: 0`. Without it, each Envoy without B3 would start a new
 * trace.
 */
function unsampledContext(): SpanContext {
  const id = (bytes: number): string => randomBytes(bytes).toString('hex');
  return { traceId: id(16), spanId: id(8), traceFlags: TraceFlags.NONE, isRemote: true };
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
