/** Rounds milliseconds to a tenth, as replies show them. */
export function roundMs(durationMs: number): number {
  return Math.round(durationMs * 10) / 10;
}
