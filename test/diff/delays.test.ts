import assert from 'node:assert/strict';
import { it } from 'node:test';
import { differencesOf } from '../../src/diff/compare/compare.ts';
import { neededModes } from '../../src/diff/compare/modes.ts';
import type { NeededModes, RoutePiece } from '../../src/diff/compare/pieces.ts';
import type { Probe } from '../../src/diff/probe.ts';
import { SecretMarks } from '../../src/diff/secret-values.ts';
import { observation, outcome, probe, service } from './make.ts';

function delayed(seconds: string, numerator: number): RoutePiece {
  const delay = { fixed_delay: seconds, percentage: { numerator } };
  return { route: { cluster: 'a' }, typed_per_filter_config: { 'envoy.filters.http.fault': { delay } } };
}

function modes(before: RoutePiece, after: RoutePiece): NeededModes {
  const [old, changed] = [before, after].map(
    (route) => ({ route, cluster: undefined, protocol: 'http', podsOf: () => [], showsAnswerHeaders: false }) as const,
  );
  assert.ok(old !== undefined && changed !== undefined);
  const found = neededModes(old, changed);
  return { ...found, modes: found.modes.filter(({ kind }) => kind !== 'plain') };
}

const prompt: RoutePiece = { route: { cluster: 'a' } };

it('delays that a route injects are compared, over many requests if chance decides about them', () => {
  assert.deepEqual(modes(delayed('1s', 100), delayed('1s', 100)).modes, []);
  const certain = { kind: 'delayed', count: 3, isCertain: true };
  assert.deepEqual(modes(prompt, delayed('1s', 100)).modes, [{ ...certain, delaysMs: [1000] }]);
  assert.deepEqual(modes(delayed('1.500s', 100), delayed('0.5s', 100)).modes, [{ ...certain, delaysMs: [500, 1500] }]);
  const [part] = modes(delayed('1s', 100), delayed('1s', 20)).modes;
  assert.ok(part?.kind === 'delayed' && part.count >= 100 && !part.isCertain);
  assert.deepEqual(modes(prompt, delayed('0s', 0)).modes, [], 'no request is delayed');
});

it('delays for which the requests would take too long are listed', () => {
  assert.match(modes(prompt, delayed('60s', 100)).notCompared[0]?.reason ?? '', /longer than 12 s/);
  assert.match(modes(prompt, delayed('10s', 50)).notCompared[0]?.reason ?? '', /have to wait/);
});

it('delays that are too short to tell from none or from each other are listed', () => {
  for (const [before, after] of [
    [prompt, delayed('0.010s', 100)],
    [delayed('0.500s', 100), delayed('0.510s', 100)],
  ] as const) {
    const found = modes(before, after);
    assert.deepEqual(found.modes, []);
    assert.match(found.notCompared[0]?.reason ?? '', /less than 50 ms/);
  }
});

it('the fastest request of a certain delay shows it, and the counts of an uncertain one', () => {
  const compared = (before: readonly number[], after: readonly number[], mode: Probe['mode']): string[] => {
    const [old, changed] = [before, after].map((durationsMs) =>
      observation([outcome(service('reviews', 'v1'))], { durationsMs }),
    );
    assert.ok(old !== undefined && changed !== undefined);
    return differencesOf(probe({ mode }), old, changed, {
      secrets: new SecretMarks(),
      falseAlarmRate: 1e-6,
      causesOf: () => [],
    }).map(({ severity, kind, from, to }) => `${severity} ${kind}: ${from} → ${to}`);
  };
  const certain = { kind: 'delayed', count: 3, delaysMs: [500, 1500], isCertain: true } as const;
  assert.deepEqual(compared([3, 900, 4], [2000, 1503, 1507], certain), ['resilience fault: delayed: never → by 1.5 s']);
  assert.deepEqual(compared([510, 540, 2000], [1600, 505, 700], certain), [], 'a busy machine');
  const part = { kind: 'delayed', count: 100, delaysMs: [500], isCertain: false } as const;
  const [all, fifth] = [Array(100).fill(505), [...Array(20).fill(505), ...Array(80).fill(5)]];
  assert.deepEqual(compared(all, fifth, part), ['resilience fault: delayed: by 500 ms → 20% by 500 ms']);
  assert.deepEqual(compared(fifth, [...fifth, 600], part), [], 'one more may be by chance');
});
