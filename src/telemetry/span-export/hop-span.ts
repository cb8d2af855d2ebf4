import { type Attributes, type HrTime, type SpanContext, type SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { addHrTimes, type InstrumentationScope, millisToHrTime } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';

/** Service and library that make spans. */
export interface SpanOrigin {
  readonly resource: Resource;
  readonly instrumentationScope: InstrumentationScope;
}

const none: never[] = [];

/**
 * Span of a hop. It is smaller than a span of the SDK, which checks and copies each attribute, and it has neither events nor
 * links. Its attributes may change until it ends. Exporters read it as a span of the SDK.
 */
export class HopSpan implements ReadableSpan {
  readonly origin: SpanOrigin;
  readonly name: string;
  readonly kind: SpanKind;
  readonly context: SpanContext;
  readonly parentSpanContext?: SpanContext;
  attributes: Attributes;
  droppedAttributesCount = 0;
  isError = false;
  /** Start, in milliseconds since 1970. */
  readonly startMs = Date.now();
  /** Start, on the clock of `performance.now()`. */
  private readonly startedAt = performance.now();
  /** Duration in nanoseconds. */
  durationNs = 0;
  ended = false;
  /** Counts the end of the span. */
  countEnd: (() => void) | undefined;

  constructor(
    origin: SpanOrigin,
    name: string,
    kind: SpanKind,
    context: SpanContext,
    parent: SpanContext | undefined,
    attributes: Attributes,
  ) {
    this.origin = origin;
    this.name = name;
    this.kind = kind;
    this.context = context;
    if (parent !== undefined) this.parentSpanContext = parent;
    this.attributes = attributes;
  }

  end(): void {
    this.durationNs = Math.round((performance.now() - this.startedAt) * 1e6);
    this.ended = true;
  }

  spanContext(): SpanContext {
    return this.context;
  }

  get startTime(): HrTime {
    return millisToHrTime(this.startMs);
  }

  get endTime(): HrTime {
    return addHrTimes(this.startTime, this.duration);
  }

  get duration(): HrTime {
    return millisToHrTime(this.durationNs / 1e6);
  }

  get status(): { code: SpanStatusCode } {
    return { code: this.isError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET };
  }

  get resource(): Resource {
    return this.origin.resource;
  }

  get instrumentationScope(): InstrumentationScope {
    return this.origin.instrumentationScope;
  }

  get links(): never[] {
    return none;
  }

  get events(): never[] {
    return none;
  }

  get droppedEventsCount(): number {
    return 0;
  }

  get droppedLinksCount(): number {
    return 0;
  }
}
