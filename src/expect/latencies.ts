import type { LatencyMs, Summary } from '../reply/reply.ts';
import type { Statistic } from './expectation.ts';

/** The times of calls, single ones and those of repeated calls. */
export class Latencies {
  private readonly singleMs: number[] = [];
  private readonly summaries: { readonly count: number; readonly latencyMs: LatencyMs }[] = [];

  add(durationMs: number): void {
    this.singleMs.push(durationMs);
  }

  addSummary({ count, latencyMs }: Summary): void {
    if (latencyMs !== undefined) this.summaries.push({ count, latencyMs });
  }

  /** In ms; undefined when it cannot be told, since percentiles of several repeated calls cannot be joined. */
  statistic(statistic: Statistic): number | undefined {
    const [summary] = this.summaries;
    if (summary === undefined) return statisticOf(this.singleMs, statistic);
    const isOnly = this.summaries.length === 1 && this.singleMs.length === 0;
    return isOnly ? summary.latencyMs[statistic] : undefined;
  }
}

function statisticOf(durationsMs: readonly number[], statistic: Statistic): number | undefined {
  const sorted = durationsMs.toSorted((a, b) => a - b);
  switch (statistic) {
    case 'min':
      return sorted[0];
    case 'max':
      return sorted.at(-1);
    case 'mean':
      return Math.round((10 * sorted.reduce((sum, value) => sum + value, 0)) / sorted.length) / 10;
    default: {
      // The nearest rank: so many per cent of the values are at most as large.
      const percentile = Number(statistic.slice(1));
      return sorted[Math.ceil((percentile / 100) * sorted.length) - 1];
    }
  }
}
