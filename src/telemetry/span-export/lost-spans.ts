import type { Counter, Meter, MeterProvider } from '@opentelemetry/api';

/** Minimum time between two warnings, in milliseconds. */
const warningIntervalMs = 60_000;

/** Reason for which a span was lost: no place in the queue, or a collector that did not accept it. */
type LossReason = 'queue_full' | 'export_failed';

/** Count of the spans that a service could not export. It warns when spans are lost, at most once a minute. */
export class LostSpans {
  private readonly counts: Record<LossReason, number> = { queue_full: 0, export_failed: 0 };
  private readonly warn: (text: string) => void;
  private warnedAt = Number.NEGATIVE_INFINITY;
  private warnedCount = 0;

  /** @param warn prints a warning */
  constructor(warn: (text: string) => void) {
    this.warn = warn;
  }

  /** Spans that were lost since the start. */
  get count(): number {
    return this.counts.queue_full + this.counts.export_failed;
  }

  /**
   * Provider of the meter with which the SDK measures itself. It counts the spans that have failed
   * (OpenTelemetry, "Semantic conventions for OpenTelemetry SDK metrics", `otel.sdk.processor.span.processed`).
   */
  meterProvider(noopMeter: Meter): MeterProvider {
    const processed: Counter = {
      add: (value, attributes) => {
        const type = attributes?.['error.type'];
        if (type !== undefined) this.add(type === 'queue_full' ? 'queue_full' : 'export_failed', value);
      },
    };
    const meter: Meter = Object.create(noopMeter, {
      createCounter: {
        value: (name: string) =>
          name === 'otel.sdk.processor.span.processed' ? processed : noopMeter.createCounter(name),
      },
    });
    return { getMeter: () => meter };
  }

  /** Makes the counts a metric. */
  observe(meter: Meter): void {
    const counter = meter.createObservableCounter('meshmock.spans.lost', {
      description: 'Spans that the service could not export',
    });
    counter.addCallback((result) => {
      for (const [reason, count] of Object.entries(this.counts)) result.observe(count, { reason });
    });
  }

  /** Warns about spans that were lost since the last warning, unless that was less than a minute ago. */
  private report(problem: string): void {
    const lost = this.count - this.warnedCount;
    if (lost === 0 || performance.now() - this.warnedAt < warningIntervalMs) return;
    this.warnedAt = performance.now();
    this.warnedCount = this.count;
    this.warn(`${lost} ${lost === 1 ? 'span was' : 'spans were'} lost: ${problem}`);
  }

  /** Warns about spans that a collector did not accept, with the error of the export. */
  reportRefusal(error: unknown): void {
    this.report(`no collector has accepted them: ${messageOf(error)}`);
  }

  /** Counts spans that are lost. */
  add(reason: LossReason, count: number): void {
    this.counts[reason] += count;
    // The error of a failed export follows.
    if (reason === 'queue_full') this.report('the queue is full, because the collector is slow or does not answer');
  }
}

/** Returns the message of an error, or its code if it has none, such as that of several refused addresses. */
function messageOf(error: unknown): string {
  const { message = '', code = '' } = (error ?? {}) as NodeJS.ErrnoException;
  return message || code || String(error);
}
