import { randomBytes } from 'node:crypto';
import {
  type Context,
  createContextKey,
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

/** Context key of headers that deny sampling without a trace (B3, "deny"). */
const denyKey = createContextKey('meshmock b3 deny');
const arrivedKey = createContextKey('meshmock b3 formats that arrived');
const uberKey = createContextKey('meshmock uber-trace-id that arrived');

type B3Format = 'single' | 'multi';

/**
 * Propagator for the formats of trace contexts that meshes use.
 *
 * It reads W3C, B3 single, B3 multi or Jaeger's own: the first that is well formed, and nothing of the others, since a
 * stale header would split the trace. It writes W3C, and also the other forms that arrived, all of the same span. Envoy's
 * OpenTelemetry tracer reads only W3C, and its Zipkin tracer only B3.
 */
export class MeshPropagator implements TextMapPropagator {
  private readonly w3c = new W3CTraceContextPropagator();
  private readonly b3: Readonly<Record<B3Format, B3Propagator>> = {
    single: new B3Propagator({ injectEncoding: B3InjectEncoding.SINGLE_HEADER }),
    multi: new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  };

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const arrived = (['single', 'multi'] as const).filter(
      (format) => getter.get(carrier, format === 'single' ? 'b3' : 'x-b3-traceid') !== undefined,
    );
    const w3c = this.w3c.extract(context, carrier, getter);
    const b3 = w3c === context && arrived.length > 0 ? this.extractB3(context, carrier, getter) : w3c;
    const uber = textOf(getter.get(carrier, uberHeader));
    // Each value is a copy of the context, so those of absent headers are left out.
    const extracted = uber === undefined ? b3 : withUber(b3, uber).setValue(uberKey, true);
    const deny =
      getter.get(carrier, 'b3') === '0'
        ? 'b3'
        : getter.get(carrier, 'x-b3-sampled') === '0'
          ? 'x-b3-sampled'
          : undefined;
    if (deny !== undefined && trace.getSpanContext(extracted) === undefined)
      return trace.setSpanContext(extracted, unsampledContext()).setValue(denyKey, deny);
    return arrived.length === 0 ? extracted : extracted.setValue(arrivedKey, arrived);
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
    const deny = context.getValue(denyKey);
    if (typeof deny === 'string') setter.set(carrier, deny, '0');
    this.w3c.inject(context, carrier, setter);
    for (const format of (context.getValue(arrivedKey) as B3Format[] | undefined) ?? []) {
      this.b3[format].inject(context, carrier, setter);
    }
    const span = trace.getSpanContext(context);
    if (context.getValue(uberKey) !== true || span === undefined) return;
    setter.set(carrier, uberHeader, `${span.traceId}:${span.spanId}:0:${span.traceFlags & TraceFlags.SAMPLED}`);
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
