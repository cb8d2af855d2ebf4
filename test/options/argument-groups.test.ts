import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { groupArguments } from '../../src/options/argument-groups.ts';

const schema = {
  address: { parse: String, value: 'ADDRESS', help: 'an address', aliases: ['-listenAddress', 'ADDRESS'] },
  maxCalls: { parse: Number, value: 'N', help: 'a number' },
  quiet: { isSwitch: true, help: 'a flag without a value' },
} as const;

describe('groups of arguments', () => {
  it('join a flag with its value', () => {
    assert.deepEqual(groupArguments(schema, ['--max-calls', '3', '--address=a=b', '-listenAddress', ':1']), [
      { kind: 'setting', name: 'maxCalls', value: '3', args: ['--max-calls', '3'] },
      { kind: 'setting', name: 'address', value: 'a=b', args: ['--address=a=b'] },
      { kind: 'setting', name: 'address', value: ':1', args: ['-listenAddress', ':1'] },
    ]);
  });

  it('know flags with one dash, and flags without a value', () => {
    assert.deepEqual(groupArguments(schema, ['-address', 'a', '--quiet', 'x']), [
      { kind: 'setting', name: 'address', value: 'a', args: ['-address', 'a'] },
      { kind: 'setting', name: 'quiet', value: undefined, args: ['--quiet'] },
      { kind: 'other', args: ['x'] },
    ]);
  });

  it('keep arguments that the schema does not know, and a last flag whose value is missing', () => {
    assert.deepEqual(groupArguments(schema, ['ADDRESS', '--unknown', '--max-calls']), [
      { kind: 'other', args: ['ADDRESS'] },
      { kind: 'other', args: ['--unknown'] },
      { kind: 'setting', name: 'maxCalls', value: undefined, args: ['--max-calls'] },
    ]);
  });
});
