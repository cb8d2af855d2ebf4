import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labExpectations } from '../labs/diff/lab-expectations.ts';
import { differentLabPairs } from '../labs/diff/pairs.ts';
import { mutations } from '../labs/mutations.ts';

test('the expected reports of meshmock diff are those of mutations that exist', () => {
  for (const [lab, { files = {}, mutations: named = {} }] of Object.entries(labExpectations)) {
    const own = mutations.filter((mutation) => mutation.lab === lab);
    for (const file of Object.keys(files))
      assert.ok(
        own.some((one) => one.file === file),
        `${lab}: ${file}`,
      );
    for (const name of Object.keys(named))
      assert.ok(
        own.some((one) => one.name === name),
        `${lab}: ${name}`,
      );
  }
});

test('each lab with a change, and each mutation, has an expected report of meshmock diff', () => {
  const pairs = differentLabPairs();
  assert.ok(pairs.length > mutations.length);
  for (const { name, expected } of pairs)
    assert.ok(expected !== undefined && (expected.kinds.length > 0 || expected.listed !== undefined), name);
});
