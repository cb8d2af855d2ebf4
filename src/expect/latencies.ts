import type { LatencyMs, Summary } from '../reply/reply.ts';
import type { Statistic } from './expectation.ts';

/** The times of calls that were answered: single ones, and repeated ones as their summaries have them. */
export class Latencies {
  private readonly singleMs: number[] = [];
  private readonly summaries: { readonly count: number; readonly latencyMs: LatencyMs }[] = [];

  add(durationMs: number): void {
    this.singleMs.push(durationMs);
  }

  addSummary({ count, byAnswer, latencyMs }: Summary): void {
    if (latencyMs !== undefined && byAnswer?.nobody !== count) this.summaries.push({ count, latencyMs });
  }

  /** Of how many calls. */
  get count(): number {
    return this.summaries.reduce((sum, { count }) => sum + count, this.singleMs.length);
  }

  /** In ms, of at least one call; undefined when it cannot be told: percentiles of several summaries cannot be joined. */
  statistic(statistic: Statistic): number | undefined {
    const [summary] = this.summaries;
    if (summary === undefined) return statisticOf(this.singleMs, statistic);
    if (this.summaries.length === 1 && this.singleMs.length === 0) return summary.latencyMs[statistic];
    switch (statistic) {
      case 'min':
      case 'max':
        return Math[statistic](...this.singleMs, ...this.summaries.map(({ latencyMs }) => latencyMs[statistic]));
      case 'mean': {
        const totalMs = this.summaries.reduce(
          (sum, { count, latencyMs }) => sum + count * latencyMs.mean,
          sumOf(this.singleMs),
        );
        return toTenth(totalMs / this.count);
      }
      default:
        return undefined;
    }
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
      return toTenth(sumOf(sorted) / sorted.length);
    default: {
      // The nearest rank: so many per cent of the values are at most as large.
      const percentile = Number(statistic.slice(1));
      return sorted[Math.ceil((percentile / 100) * sorted.length) - 1];
    }
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function toTenth(valueMs: number): number {
  return Math.round(10 * valueMs) / 10;
}
