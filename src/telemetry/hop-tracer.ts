import { type Attributes, type Context, type SpanContext, SpanKind, TraceFlags, type Tracer } from '@opentelemetry/api';
import { cleanAttributes, getBooleanFromEnv } from '@opentelemetry/core';
import {
  type IdGenerator,
  type Sampler,
  SamplingDecision,
  type SpanLimits,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import { HopSpan, type SpanOrigin } from './span-export/hop-span.ts';

/** Private parts of a tracer of the SDK, with which it starts and ends spans as the standard variables say. */
interface TracerParts {
  readonly instrumentationScope: SpanOrigin['instrumentationScope'];
  readonly _resource: SpanOrigin['resource'];
  readonly _sampler: Sampler;
  readonly _spanLimits: Required<SpanLimits>;
  readonly _idGenerator: IdGenerator;
  readonly _spanProcessor: SpanProcessor;
  /** Counts spans for the SDK's metrics of itself. Returns the function that counts the end of the span. */
  readonly _tracerMetrics: {
    startSpan(parent: SpanContext | undefined, decision: SamplingDecision): () => void;
  };
}

/** Maximum number of attributes of a span of a hop. */
const maxAttributes = 32;

/** Tracer of hops. It makes spans of ours with the settings of a tracer of the SDK. */
export class HopTracer {
  private readonly parts: TracerParts;
  private readonly origin: SpanOrigin;
  private readonly isLimited: boolean;
  /** Counter of spans; absent unless the SDK measures itself. */
  private readonly counter: TracerParts['_tracerMetrics'] | undefined;

  /** @param tracer tracer of the SDK */
  constructor(tracer: Tracer) {
    this.parts = tracer as unknown as TracerParts;
    this.origin = { resource: this.parts._resource, instrumentationScope: this.parts.instrumentationScope };
    const { attributeCountLimit, attributeValueLengthLimit } = this.parts._spanLimits;
    this.counter = getBooleanFromEnv('OTEL_NODE_EXPERIMENTAL_SDK_METRICS') ? this.parts._tracerMetrics : undefined;
    // Otherwise nothing would read its late attributes until the first export, and all spans would wait for them.
    void this.parts._resource.waitForAsyncAttributes?.();
    this.isLimited = attributeCountLimit < maxAttributes || attributeValueLengthLimit !== Number.POSITIVE_INFINITY;
  }

  /**
   * Returns the context of the span of a request. Its flag says whether the span is sampled.
   *
   * @param arrived context that the request brings
   * @param parent span in it
   */
  contextOf(name: string, arrived: Context, parent: SpanContext | undefined): SpanContext {
    const { _idGenerator: ids, _sampler: sampler } = this.parts;
    const traceId = parent?.traceId ?? ids.generateTraceId();
    const { decision, traceState = parent?.traceState } = sampler.shouldSample(
      arrived,
      traceId,
      name,
      SpanKind.SERVER,
      {},
      [],
    );
    const isSampled = decision === SamplingDecision.RECORD_AND_SAMPLED;
    if (!isSampled) this.counter?.startSpan(parent, decision);
    const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    return spanContext(traceId, ids.generateSpanId(), traceFlags, traceState);
  }

  startServerSpan(
    name: string,
    context: SpanContext,
    parent: SpanContext | undefined,
    attributes: Attributes,
  ): HopSpan {
    return this.start(new HopSpan(this.origin, name, SpanKind.SERVER, context, parent, attributes));
  }

  /** Starts the span of a call. It is sampled, as its parent is: the samplers decide by the parent or by the trace. */
  startClientSpan(name: string, { context: parent }: HopSpan, attributes: Attributes): HopSpan {
    const { traceId, traceFlags, traceState } = parent;
    const context = spanContext(traceId, this.parts._idGenerator.generateSpanId(), traceFlags, traceState);
    return this.start(new HopSpan(this.origin, name, SpanKind.CLIENT, context, parent, attributes));
  }

  end(span: HopSpan): void {
    if (this.isLimited) Object.assign(span, cleanAttributes(span.attributes, this.parts._spanLimits));
    span.end();
    span.countEnd?.();
    this.parts._spanProcessor.onEnd(span);
  }

  private start(span: HopSpan): HopSpan {
    span.countEnd = this.counter?.startSpan(span.parentSpanContext, SamplingDecision.RECORD_AND_SAMPLED);
    return span;
  }
}

function spanContext(
  traceId: string,
  spanId: string,
  traceFlags: TraceFlags,
  traceState: SpanContext['traceState'],
): SpanContext {
  return traceState === undefined ? { traceId, spanId, traceFlags } : { traceId, spanId, traceFlags, traceState };
}
