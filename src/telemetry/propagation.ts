import {
  type Context,
  createContextKey,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api';
import { suppressTracing, W3CTraceContextPropagator } from '@opentelemetry/core';
import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3';

/** Where the headers stand that say no to sampling without naming a trace (B3, "deny"). */
const denyKey = createContextKey('meshmock b3 deny');
const arrivedKey = createContextKey('meshmock b3 formats that arrived');

type B3Format = 'single' | 'multi';

/**
 * Reads the trace context in every format that meshes use: W3C, B3 single, B3 multi. W3C is read last and so wins,
 * or a stale B3 header would split the trace. Writes W3C, and B3 in the form in which it arrived, all of the same
 * span: Envoy's OpenTelemetry tracer reads only the one, its Zipkin tracer only the other.
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
    const extracted = this.w3c.extract(this.b3.multi.extract(context, carrier, getter), carrier, getter);
    const deny =
      getter.get(carrier, 'b3') === '0'
        ? 'b3'
        : getter.get(carrier, 'x-b3-sampled') === '0'
          ? 'x-b3-sampled'
          : undefined;
    if (deny !== undefined && trace.getSpanContext(extracted) === undefined)
      return suppressTracing(extracted).setValue(denyKey, deny);
    return extracted.setValue(arrivedKey, arrived);
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const deny = context.getValue(denyKey);
    if (typeof deny === 'string') setter.set(carrier, deny, '0');
    this.w3c.inject(context, carrier, setter);
    for (const format of (context.getValue(arrivedKey) as B3Format[] | undefined) ?? []) {
      this.b3[format].inject(context, carrier, setter);
    }
  }

  fields(): string[] {
    return [...this.w3c.fields(), ...this.b3.single.fields(), ...this.b3.multi.fields()];
  }
}
