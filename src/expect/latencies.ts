import type { CallResult, LatencyMs } from '../reply/reply.ts';
import type { Statistic, Time } from './expectation.ts';

/** Times of calls: of single calls, and durations of repeated calls by their summaries. */
export class Latencies {
  private readonly time: Time;
  private readonly singleMs: number[] = [];
  private readonly summaries: { readonly count: number; readonly latencyMs: LatencyMs }[] = [];
  /** Number of calls whose times are not known: those without an answer, or with one that did not arrive in parts. */
  unknown = 0;

  constructor(time: Time) {
    this.time = time;
  }

  add(call: CallResult): void {
    switch (this.time) {
      case 'latency':
        this.addDuration(call);
        return;
      case 'first-byte':
        this.addFirstByte(call);
    }
  }

  private addFirstByte({ summary, stream }: CallResult): void {
    if (stream?.firstByteMs === undefined) this.unknown += summary?.count ?? 1;
    else this.singleMs.push(stream.firstByteMs);
  }

  private addDuration({ summary, durationMs = 0, answeredBy }: CallResult): void {
    if (summary?.latencyMs !== undefined) {
      this.summaries.push({ count: summary.count, latencyMs: summary.latencyMs });
      this.unknown += summary.byAnswer?.nobody ?? 0;
    } else {
      this.singleMs.push(durationMs);
      if (answeredBy === 'nobody') this.unknown++;
    }
  }

  /**
   * Returns a statistic of the durations in milliseconds, or undefined if it is unknown: percentiles of several
   * summaries cannot be combined.
   */
  statistic(statistic: Statistic): number | undefined {
    const [summary] = this.summaries;
    if (summary === undefined) return statisticOf(this.singleMs, statistic);
    if (this.summaries.length === 1 && this.singleMs.length === 0) return summary.latencyMs[statistic];
    const parts = [
      ...this.summaries,
      ...(this.singleMs.length === 0 ? [] : [{ count: this.singleMs.length, latencyMs: extremesOf(this.singleMs) }]),
    ];
    switch (statistic) {
      case 'min':
        return Math.min(...parts.map(({ latencyMs }) => latencyMs.min));
      case 'max':
        return Math.max(...parts.map(({ latencyMs }) => latencyMs.max));
      case 'mean': {
        const count = parts.reduce((sum, part) => sum + part.count, 0);
        return toTenth(parts.reduce((sum, part) => sum + part.count * part.latencyMs.mean, 0) / count);
      }
      default:
        return undefined;
    }
  }
}

function extremesOf(durationsMs: readonly number[]): Pick<LatencyMs, 'min' | 'mean' | 'max'> {
  const of = (statistic: Statistic): number => statisticOf(durationsMs, statistic) ?? 0;
  return { min: of('min'), mean: of('mean'), max: of('max') };
}

function statisticOf(durationsMs: readonly number[], statistic: Statistic): number | undefined {
  const sorted = durationsMs.toSorted((a, b) => a - b);
  switch (statistic) {
    case 'min':
      return sorted[0];
    case 'max':
      return sorted.at(-1);
    case 'mean':
      return toTenth(sorted.reduce((sum, value) => sum + value, 0) / sorted.length);
    default: {
      // The nearest rank: the smallest value that at least this percentage of the values does not exceed.
      const percentile = Number(statistic.slice(1));
      return sorted[Math.ceil((percentile / 100) * sorted.length) - 1];
    }
  }
}

function toTenth(valueMs: number): number {
  return Math.round(10 * valueMs) / 10;
}
