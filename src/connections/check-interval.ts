const mostChecksPerTimeout = 4;
const maxIntervalMs = 1000;

/** Returns the time between two checks whether something takes longer than a timeout. Both are in milliseconds. */
export function checkIntervalMs(timeoutMs: number): number {
  return Math.min(maxIntervalMs, timeoutMs / mostChecksPerTimeout);
}
