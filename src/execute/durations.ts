import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Number of durations that are kept one by one. A histogram takes as much memory as 24,000 of them. */
const mostKept = 1000;

/**
 * Durations, whose memory does not grow with their number.
 *
 * @example
 * const durations = new Durations();
 * for (const ms of [3, 1, 2]) durations.add(ms);
 * durations.percentileMs(50); // 2
 */
export class Durations {
  private readonly kept: number[] = [];
  /** Histogram with three significant digits. It counts whole numbers, so its unit is microseconds. */
  private histogramUs: RecordableHistogram | undefined;

  /** Adds a duration, in milliseconds. */
  add(durationMs: number): void {
    if (this.histogramUs === undefined && this.kept.length < mostKept) {
      this.kept.push(durationMs);
      return;
    }
    this.histogramUs ??= createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
    for (const keptMs of this.kept.splice(0)) this.histogramUs.record(inMicroseconds(keptMs));
    this.histogramUs.record(inMicroseconds(durationMs));
  }

  /** Returns the duration that a share of all durations does not exceed, in milliseconds. */
  percentileMs(percentile: number): number {
    if (this.histogramUs !== undefined) return this.histogramUs.percentile(percentile) / 1000;
    const sorted = this.kept.toSorted((a, b) => a - b);
    return sorted[Math.ceil((percentile / 100) * sorted.length) - 1] ?? 0;
  }
}

function inMicroseconds(durationMs: number): number {
  return Math.max(1, Math.round(durationMs * 1000));
}
