/** Longest delay of a request in a probe, in milliseconds. */
export const mostDelayMs = 12_000;

/** Time by which clocks of two processes may differ, in milliseconds. */
export const earlyMs = 15;

/** Least difference between two delays or timeouts that the times of answers show, in milliseconds. */
export const leastGapMs = 50;

/**
 * Returns a duration of Envoy's JSON in milliseconds; undefined without one.
 *
 * @example
 * milliseconds('0.500s'); // 500
 */
export function milliseconds(duration: string | undefined): number | undefined {
  const [, seconds] = /^([\d.]+)s$/.exec(duration ?? '') ?? [];
  return seconds === undefined ? undefined : Math.round(Number(seconds) * 1000);
}

/** Returns a duration with its unit, such as `500 ms` or `1.5 s`. */
export function durationText(durationMs: number): string {
  return durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${Number((durationMs / 1000).toFixed(2))} s`;
}
