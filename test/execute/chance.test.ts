import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chance } from '../../src/execute/directives/chance.ts';
import { drawDelayMs } from '../../src/execute/directives/delay.ts';
import fc from '../fast-check.ts';

const hitsOf = (chance: Chance, key: string, hits: number, of: number, draws: number): boolean[] =>
  Array.from({ length: draws }, () => chance.isHit(key, hits, of));

test('a share is exact over any number of draws, plus or minus one', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 0, max: 1000 }),
      fc.integer({ min: 1, max: 2000 }),
      fc.string(),
      (of, part, draws, seed) => {
        const hits = Math.max(1, Math.min(of, part));
        const count = hitsOf(new Chance(seed), 'key', hits, of, draws).filter(Boolean).length;
        const exact = (draws * hits) / of;
        assert.ok(Math.abs(count - exact) <= 1, `${count} of ${draws}, expected ${exact}`);
      },
    ),
    { numRuns: 1000 },
  );
});

test('a share of one in three has one hit in every three draws, at different places', () => {
  const draws = hitsOf(new Chance('seed'), 'key', 1, 3, 300);
  const places = new Set<number>();
  for (let start = 0; start < draws.length; start += 3) {
    const three = draws.slice(start, start + 3);
    assert.equal(three.filter(Boolean).length, 1);
    places.add(three.indexOf(true));
  }
  assert.equal(places.size, 3);
});

test('draws depend on the seed and on the key', () => {
  const draw = (seed: string, key: string): boolean[] => hitsOf(new Chance(seed), key, 3, 10, 100);
  assert.deepEqual(draw('a', 'key'), draw('a', 'key'));
  assert.notDeepEqual(draw('a', 'key'), draw('b', 'key'));
  assert.notDeepEqual(draw('a', 'key'), draw('a', 'other key'));
});

test('two shares of one half are independent: both hit in a quarter of the draws', () => {
  const chance = new Chance('seed');
  const both = Array.from({ length: 1000 }, () => {
    const first = chance.isHit('first', 1, 2);
    return chance.isHit('second', 1, 2) && first;
  });
  const count = both.filter(Boolean).length;
  assert.ok(count > 200 && count < 300, String(count));
});

test('the sequence that was used least recently is dropped when there are too many', () => {
  const chance = new Chance('seed');
  const first = chance.uniform('first');
  for (let index = 0; index < 20_000; index++) chance.uniform(`key ${index}`);
  assert.equal(chance.uniform('first'), first);
});

const quantile = (sorted: readonly number[], percentile: number): number =>
  sorted[Math.ceil((percentile / 100) * sorted.length) - 1] ?? Number.NaN;

test('percentile delays have the percentiles of their directive', () => {
  const points = [
    { percentile: 50, delayMs: 10 },
    { percentile: 90, delayMs: 100 },
    { percentile: 99, delayMs: 1000 },
  ];
  const chance = new Chance('seed');
  const drawn = Array.from({ length: 1000 }, () => drawDelayMs({ kind: 'percentiles', points }, () => 'key', chance));
  const sorted = drawn.toSorted((a, b) => a - b);
  for (const { percentile, delayMs } of points) {
    const measured = quantile(sorted, percentile);
    assert.ok(Math.abs(measured - delayMs) <= 0.12 * delayMs, `p${percentile} is ${measured}, expected ${delayMs}`);
  }
  assert.ok((sorted.at(-1) ?? 0) <= 1000);
});

test('delays are spread evenly over their range', () => {
  const chance = new Chance('seed');
  const drawn = Array.from({ length: 1000 }, () =>
    drawDelayMs({ kind: 'uniform', minMs: 50, maxMs: 150 }, () => 'key', chance),
  );
  assert.ok(drawn.every((delayMs) => delayMs >= 50 && delayMs <= 150));
  for (let from = 50; from < 150; from += 25) {
    const count = drawn.filter((delayMs) => delayMs >= from && delayMs < from + 25).length;
    assert.ok(count > 190 && count < 310, `${count} from ${from} ms`);
  }
});
