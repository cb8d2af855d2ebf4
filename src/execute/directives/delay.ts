import type { Delay } from '../../plan/plan.ts';
import type { Chance } from './chance.ts';

/** Draws the delay of one request, in milliseconds. */
export function drawDelayMs(delay: Delay, key: () => string, chance: Chance): number {
  switch (delay.kind) {
    case 'fixed':
      return delay.delayMs;
    case 'uniform':
      return delay.minMs + (delay.maxMs - delay.minMs) * chance.uniform(key());
    case 'percentiles':
      return quantileMs(delay.points, 100 * chance.spread(key()));
  }
}

/**
 * Returns the delay at a percentile. It is 0 at percentile 0, is interpolated between the points, and stays constant
 * after the last point.
 */
function quantileMs(points: readonly { percentile: number; delayMs: number }[], percentile: number): number {
  let from = { percentile: 0, delayMs: 0 };
  for (const to of points) {
    if (percentile <= to.percentile) {
      const part = (percentile - from.percentile) / (to.percentile - from.percentile);
      return from.delayMs + part * (to.delayMs - from.delayMs);
    }
    from = to;
  }
  return from.delayMs;
}
