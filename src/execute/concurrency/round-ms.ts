/** Milliseconds as a reply shows them: to a tenth. */
export function roundMs(durationMs: number): number {
  return Math.round(durationMs * 10) / 10;
}
