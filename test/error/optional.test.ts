import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optional } from '../../src/error/optional.ts';

test('A property with a value is present, and one without a value is absent', () => {
  assert.deepEqual(optional('port', 8080), { port: 8080 });
  assert.deepEqual(optional('port', undefined), {});
  assert.ok(!Object.hasOwn({ ...optional('port', undefined) }, 'port'));
});

test('A property keeps null, false, zero and an empty text', () => {
  for (const value of [null, false, 0, '']) assert.deepEqual(optional('value', value), { value });
});
