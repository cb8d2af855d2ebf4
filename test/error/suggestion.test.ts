import assert from 'node:assert/strict';
import { test } from 'node:test';
import { didYouMean, nearestOrAll, suggestionFor } from '../../src/error/suggestion.ts';

const facts = ['status', 'version', 'pod', 'attempt', 'answered-by', 'refusal', 'mtls', 'peer', 'sampled'];

for (const [word, name] of [
  ['status', 'status'],
  ['stauts', 'status'],
  ['Status', 'status'],
  ['vesrion', 'version'],
  ['pods', 'pod'],
  ['answeredby', 'answered-by'],
  ['answered', 'answered-by'],
  ['mtsl', 'mtls'],
  ['pe', undefined],
  ['colour', undefined],
  ['', undefined],
  ['x', undefined],
] as const) {
  test(`The nearest name of "${word}" is ${name ?? 'unknown'}`, () => {
    assert.equal(suggestionFor(word, facts), name);
  });
}

test('A suggestion follows an error text, or nothing does', () => {
  assert.equal(didYouMean('sampeld', facts), '; did you mean "sampled"?');
  assert.equal(didYouMean('colour', facts), '');
});

test('An error about an unknown name ends with the nearest name, or with all names', () => {
  assert.equal(nearestOrAll('tset', 'commands', ['test', 'up']), '; did you mean "test"?');
  assert.equal(nearestOrAll('frobnicate', 'commands', ['test', 'up']), '; the commands are test, up');
});
