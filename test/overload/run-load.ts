import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Load, LoadResult } from './load.ts';

const generator = fileURLToPath(new URL('./generator.ts', import.meta.url));

/** Makes a load from another process. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const child = fork(generator);
  child.send(load);
  const [result] = (await once(child, 'message', {
    signal: AbortSignal.timeout(load.durationMs + load.timeoutMs + 20_000),
  })) as [LoadResult];
  await once(child, 'exit');
  return result;
}

/** Returns a percentile of latencies in ascending order, or NaN without any. */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}
