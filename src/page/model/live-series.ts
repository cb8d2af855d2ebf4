import type { CallRow, Tone } from './call-rows.ts';

/** Number of runs that a series keeps. */
export const keptRuns = 60;

/** Number of calls that are followed. */
const mostSeries = 12;

/** Result of one call in one run. */
export interface LivePoint {
  readonly outcome: string;
  readonly tone: Tone;
  readonly version: string;
  readonly durationMs: number;
}

/** Results of one call over the runs, the oldest first. */
export interface LiveSeries {
  readonly name: string;
  /** A run that did not make the call is undefined. */
  readonly points: readonly (LivePoint | undefined)[];
}

/** Results of the calls of a plan that runs again and again. */
export class LiveRecord {
  private readonly byCall = new Map<string, { readonly name: string; points: (LivePoint | undefined)[] }>();
  private runs = 0;

  /** Adds a run. One without an answer is undefined. */
  add(root: CallRow | undefined): void {
    const found = new Map<string, LivePoint>();
    if (root !== undefined) this.collect(root, '', found);
    this.runs++;
    for (const [key, series] of this.byCall) series.points = [...series.points, found.get(key)].slice(-keptRuns);
  }

  get series(): readonly LiveSeries[] {
    return [...this.byCall.values()];
  }

  private collect(row: CallRow, caller: string, found: Map<string, LivePoint>): void {
    const target = row.call?.target.replace(/:\d+$/, '') ?? row.reply?.service ?? '';
    const key = `${row.id} ${target}`;
    if (!this.byCall.has(key) && this.byCall.size < mostSeries) {
      const points = Array.from({ length: Math.min(this.runs, keptRuns - 1) }, () => undefined);
      this.byCall.set(key, { name: caller === '' ? target : `${caller} → ${target}`, points });
    }
    const { outcome, tone, durationMs } = row;
    found.set(key, { outcome, tone, version: versionOf(row), durationMs });
    for (const child of row.children) this.collect(child, row.reply?.service ?? target, found);
  }
}

/** Returns the version that answered, or the most frequent one of a repeated call. */
function versionOf({ reply, call }: CallRow): string {
  const counts = Object.entries(call?.summary?.byVersion ?? {}).sort(([, a], [, b]) => b - a);
  return reply?.version ?? counts[0]?.[0] ?? '';
}

/**
 * Says in words what a series shows.
 *
 * @example
 * seriesWords(series); // '200 ×55, 503 ×5 · v1 ×40, v2 ×20 · up to 20.1 ms'
 */
export function seriesWords({ points }: LiveSeries): string {
  const made = points.filter((point) => point !== undefined);
  const slowest = made.reduce((most, { durationMs }) => Math.max(most, durationMs), 0);
  const parts = [
    countsOf(made.map(({ outcome }) => outcome)),
    countsOf(made.map(({ version }) => version)),
    made.length === 0 ? 'not called' : `up to ${slowest.toFixed(1)} ms`,
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

function countsOf(values: readonly string[]): string {
  const counts = [...Map.groupBy(values, (value) => value)].filter(([value]) => value !== '');
  return counts.map(([value, same]) => `${value} ×${same.length}`).join(', ');
}
