import type { Random } from '../../random.ts';
import { mutate } from './paths.ts';

/** Returns headers of trace contexts: valid ones, wrong ones, and several that contradict each other. */
export function randomTraceHeaders(random: Random): [name: string, value: string][] {
  const traceId = random.id(random.pick([32, 32, 32, 16, 31, 33, 0]));
  const spanId = random.id(random.pick([16, 16, 16, 8, 17]));
  const all: [string, string][] = [
    ['traceparent', `00-${traceId}-${spanId}-0${random.below(4)}`],
    ['traceparent', `${random.id(2)}-${'0'.repeat(32)}-${spanId}-01`],
    ['tracestate', 'a=b,c=d'],
    ['b3', `${traceId}-${spanId}-1`],
    ['b3', random.pick(['0', '1', 'd'])],
    ['x-b3-traceid', traceId.toUpperCase()],
    ['x-b3-spanid', spanId],
    ['x-b3-parentspanid', spanId],
    ['x-b3-sampled', random.pick(['0', '1', 'true', ''])],
    ['x-b3-flags', '1'],
    ['x-request-id', random.id(8)],
  ];
  return all
    .filter(() => random.chance(0.4))
    .map(([name, value]) => [name, random.chance(0.3) ? mutate(random, value) : value]);
}
