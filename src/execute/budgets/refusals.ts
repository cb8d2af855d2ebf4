import { type Bound, bounds } from './limits.ts';

/** Reasons of refusals: the flag of a bound, an overloaded event loop, or a queue of `~cpu` that is too long. */
export type RefusalReason = Bound | 'overload' | 'cpu';

const reasons: readonly RefusalReason[] = ['overload', 'cpu', ...bounds];

/** Shortest time between two reports about the same reason, in milliseconds. */
const reportMs = 1000;

/** Counts of refused work. They are reported together, because a log line for each would add to the load. */
export class Refusals {
  private readonly report: (reason: RefusalReason, count: number) => void;
  private readonly counts = new Map<RefusalReason, number>(reasons.map((reason) => [reason, 0]));
  private readonly reported = new Map<RefusalReason, number>();
  private timer: NodeJS.Timeout | undefined;

  /** @param report receives the number of refusals since the last report */
  constructor(report: (reason: RefusalReason, count: number) => void) {
    this.report = report;
  }

  /** Counts one refusal. */
  add(reason: RefusalReason): void {
    this.counts.set(reason, this.count(reason) + 1);
    this.timer ??= setTimeout(() => this.flush(), reportMs).unref();
  }

  /** Returns the number of refusals since the start. */
  count(reason: RefusalReason): number {
    return this.counts.get(reason) ?? 0;
  }

  /** Returns the counts of all reasons. */
  all(): ReadonlyMap<RefusalReason, number> {
    return this.counts;
  }

  /** Reports the refusals since the last report. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const [reason, count] of this.counts) {
      const added = count - (this.reported.get(reason) ?? 0);
      if (added > 0) this.report(reason, added);
      this.reported.set(reason, count);
    }
  }
}
