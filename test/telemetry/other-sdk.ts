import { INVALID_SPAN_CONTEXT, type Tracer, trace } from '@opentelemetry/api';

// SDK of another program, which the environment loads before meshmock. Only the API describes its tracer.
const span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
const tracer: Tracer = {
  startSpan: () => span,
  startActiveSpan: (...args: unknown[]) => (args.at(-1) as (active: typeof span) => unknown)(span) as never,
};
trace.setGlobalTracerProvider({ getTracer: () => tracer });
