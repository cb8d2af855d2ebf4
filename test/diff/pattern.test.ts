import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Probe, ProbeCondition } from '../../src/diff/probe.ts';
import { requestPatterns } from '../../src/diff/report/pattern.ts';
import fc from '../fast-check.ts';
import { condition, probe } from './make.ts';

const named: readonly (readonly [string, ProbeCondition['aspect']])[] = [
  ['GET', 'method'],
  ['/public/*', 'path'],
  ['end-user=jason', 'header'],
];

/** Probes with each combination of truths of the conditions. */
const all: readonly Probe[] = Array.from({ length: 2 ** named.length }, (_, bits) =>
  probe({ conditions: named.map(([text, aspect], index) => condition(text, ((bits >> index) & 1) === 1, aspect)) }),
);

const isTrue = (one: Probe, text: string): boolean =>
  one.conditions.some((other) => other.text === text && other.isSatisfied);

test('requests that differ are named by the fewest conditions', () => {
  const cases: readonly (readonly [(one: Probe) => boolean, string[]])[] = [
    [() => true, ['any']],
    [(one) => isTrue(one, 'GET'), ['GET /*']],
    [(one) => isTrue(one, 'end-user=jason'), ['/*  end-user=jason']],
    [(one) => isTrue(one, 'GET') && isTrue(one, '/public/*'), ['GET /public/*']],
    [(one) => !isTrue(one, 'end-user=jason'), ['any but end-user=jason']],
    [(one) => !(isTrue(one, 'GET') && isTrue(one, '/public/*')), ['any but GET /public/*']],
    [(one) => isTrue(one, 'GET') && !isTrue(one, '/public/*'), ['GET /* but /public/*']],
    [(one) => !isTrue(one, 'GET') && isTrue(one, '/public/*'), ['/public/* with a method other than GET']],
    [(one) => !isTrue(one, 'GET') && !isTrue(one, '/public/*'), ['/* but /public/*, with a method other than GET']],
  ];
  for (const [differs, expected] of cases) assert.deepEqual(requestPatterns(all.filter(differs), all), expected);
});

test('a path without one of its requests has the words of the legend', () => {
  const orders = ['/orders', '/orders/1', '/'].map((path) =>
    probe({
      conditions: [condition('/orders*', path !== '/', 'path'), condition('/orders', path === '/orders', 'path')],
    }),
  );
  assert.deepEqual(requestPatterns(orders.slice(1, 2), orders), ['/orders* but /orders']);
});

test('a pattern without words for what requests lack includes exactly those that differ', () => {
  fc.assert(
    fc.property(fc.subarray([...all], { minLength: 1 }), (differing) => {
      const patterns = requestPatterns(differing, all);
      const holds = (one: Probe, pattern: string): boolean => {
        const [, isExcept, text = ''] = /^(any but )?(.*)$/.exec(pattern) ?? [];
        if (text === 'any') return true;
        const parts = named.map(([name]) => name).filter((name) => text.includes(name));
        const isMet = parts.every(
          (name) => isTrue(one, name) !== new RegExp(`(?:but|or|other than) ${RegExp.escape(name)}`).test(text),
        );
        return isExcept === undefined ? isMet : !isMet;
      };
      for (const one of all)
        assert.equal(
          patterns.some((pattern) => holds(one, pattern)),
          differing.includes(one),
          patterns.join(', '),
        );
    }),
  );
});
