import { mostTraces, type TraceSummary } from './mesh-page-data.ts';

/** Least and longest time between two requests for new traces, in milliseconds. */
const leastMs = 2000;
const longestMs = 16_000;

/** Time after its start in which most traces get their spans, in milliseconds. Such traces are read again. */
const growingMs = 6000;

/** Time between two requests for all recent traces, in milliseconds: the spans of a slow call arrive after newer traces. */
const allMs = 16_000;

/** Recent traces, and the decision when to ask for newer ones: less often if there are none. */
export class TraceReading {
  private known: readonly TraceSummary[] = [];
  private intervalMs = leastMs;
  private readAtMs = Number.NEGATIVE_INFINITY;
  private allAtMs = Number.NEGATIVE_INFINITY;
  private total = -1;
  /** True if there were no requests between the last two answers. */
  private isStill = false;

  /** Traces that are known, the newest first. */
  get traces(): readonly TraceSummary[] {
    return this.known;
  }

  /**
   * Reports whether it is time to ask.
   *
   * @param total requests that the proxies have counted
   * @param isQuiet true if no proxy has counted one in the last minute
   */
  isDue(total: number, isQuiet: boolean, nowMs: number): boolean {
    if (total === this.total && isQuiet) return false;
    if (total !== this.total && this.isStill) this.intervalMs = leastMs;
    return nowMs - this.readAtMs >= this.intervalMs;
  }

  /**
   * Begins to ask.
   *
   * @returns start of the traces to ask for, in milliseconds since the epoch: the newest known ones may have got further
   *   spans; 0 for all
   */
  begin(nowMs: number): number {
    const [newest] = this.known;
    if (newest !== undefined && nowMs - this.allAtMs < allMs) return Math.floor(newest.startMs - growingMs);
    this.allAtMs = nowMs;
    return 0;
  }

  /**
   * Adds an answer.
   *
   * @returns false if nothing is new
   */
  add(found: readonly TraceSummary[], total: number, nowMs: number): boolean {
    this.readAtMs = nowMs;
    const byId = new Map([...this.known, ...found].map((trace) => [trace.traceId, trace]));
    const all = [...byId.values()].sort((one, other) => other.startMs - one.startMs).slice(0, mostTraces);
    const isNew = JSON.stringify(all) !== JSON.stringify(this.known);
    this.known = all;
    this.intervalMs = isNew ? leastMs : Math.min(longestMs, 2 * this.intervalMs);
    this.isStill = total === this.total;
    this.total = total;
    return isNew;
  }
}
