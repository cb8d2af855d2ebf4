import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allDifferences, type Observations, unanswered } from '../../src/diff/compare/compare-all.ts';
import type { Observation, ObservedAnswer, Outcome } from '../../src/diff/observation.ts';
import type { Probe } from '../../src/diff/probe.ts';
import { SecretMarks } from '../../src/diff/secret-values.ts';
import { noLonger, observation, outcome, probe, request, service } from './make.ts';

const v1 = service('reviews', 'v1');
const slow = { kind: 'slow', delayMs: 2900, timeoutsMs: [2000], longerMs: noLonger } as const;

function seen(...pairs: readonly (readonly [Probe, Observation, Observation])[]): Observations {
  return new Map(pairs.map(([{ id }, before, after]) => [id, { before, after }]));
}

const one = (answer: ObservedAnswer, overrides: Partial<Outcome> = {}, durationMs = 3): Observation =>
  observation([outcome(answer, overrides)], { durationMs });
const refused = (reason: 'no_route' | 'timeout', status: number, durationMs = 3): Observation =>
  one({ kind: 'refused', reason, by: 'caller' }, { status }, durationMs);

it('a timeout is not compared if the plain request does not reach its callee on one side', () => {
  const [plain, late] = [probe(), probe({ mode: slow })];
  const kindsWith = (after: Observation, lateAfter: Observation): string[] => {
    const observations = seen([plain, one(v1), after], [late, refused('timeout', 504, 2005), lateAfter]);
    return allDifferences([plain, late], observations, {
      falseAlarmRate: 1e-6,
      causesOf: () => [],
      secrets: new SecretMarks(),
    }).map(({ kind }) => kind);
  };
  assert.deepEqual(kindsWith(one(v1), one(v1, {}, 2900)), ['timeout']);
  assert.deepEqual(kindsWith(refused('no_route', 404), refused('no_route', 404)), ['refused']);
  const redirect = one({ kind: 'redirect', location: '/x' }, { status: 301 });
  assert.deepEqual(kindsWith(redirect, redirect), ['redirect']);
});

it('a timeout of the plain request itself does not hide that of a slow callee', () => {
  const [plain, late] = [probe(), probe({ mode: slow })];
  const observations = seen([plain, one(v1), refused('timeout', 504)], [late, one(v1), refused('timeout', 504, 2005)]);
  const kinds = allDifferences([plain, late], observations, {
    falseAlarmRate: 1e-6,
    causesOf: () => [],
    secrets: new SecretMarks(),
  }).map(({ kind }) => kind);
  assert.deepEqual(kinds, ['refused', 'timeout']);
});

it('the refusal of one request does not hide the timeout of another', () => {
  const [plain, late] = [probe(), probe({ mode: slow, request: request({ path: '/other' }) })];
  const observations = seen([plain, one(v1), refused('no_route', 404)], [late, one(v1), refused('timeout', 504, 2005)]);
  assert.equal(
    allDifferences([plain, late], observations, {
      falseAlarmRate: 1e-6,
      causesOf: () => [],
      secrets: new SecretMarks(),
    }).length,
    2,
  );
});

it('a request that the mock of its caller does not make, because its own directives answer, is not compared', () => {
  const [plain, late] = [probe(), probe({ mode: slow })];
  const unsent = observation([]);
  const observations = seen([plain, one(v1), unsent], [late, unsent, refused('timeout', 504, 2005)]);
  assert.deepEqual(
    allDifferences([plain, late], observations, {
      falseAlarmRate: 1e-6,
      causesOf: () => [],
      secrets: new SecretMarks(),
    }),
    [],
  );
  assert.deepEqual(
    unanswered([plain, late], observations, new SecretMarks()).map(({ reason }) => reason),
    ['the mock of the caller answers without a call', 'the mock of the caller answers without a call'],
  );
});

it('a request without an answer on both sides is not equal, but not compared', () => {
  const none = (code: 'timeout' | 'reset'): Observation => one({ kind: 'none', code }, { status: undefined });
  const [late, denied, changed] = [
    probe({ request: request({ protocol: 'tcp', path: '/probe' }) }),
    probe(),
    probe({ request: request({ path: '/changed' }) }),
  ];
  const observations = seen(
    [late, none('timeout'), none('timeout')],
    // A proxy refuses a connection by a reset.
    [denied, none('reset'), none('reset')],
    [changed, one(v1), none('timeout')],
  );
  assert.deepEqual(
    unanswered([late, denied, changed], observations, new SecretMarks()).map(
      ({ subject, reason }) => `${subject}: ${reason}`,
    ),
    ['tcp /probe: no answer on either side (timeout)'],
  );
});
