import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import { parseOptions } from '../../src/options/options.ts';

const schema = {
  header: { parse: String, value: 'TEXT', help: 'a header', repeatable: true, aliases: ['-H'] },
  method: { parse: String, value: 'METHOD', help: 'a method', aliases: ['-X'] },
  listen: { parse: String, value: 'ADDRESS', help: 'an address', aliases: ['-listenAddress'] },
  json: { isSwitch: true, help: 'a flag without a value' },
} as const;

const read = (...args: string[]): { readonly values: object; readonly positionals: readonly string[] } => {
  const { values, positionals } = parseOptions(schema, args, {});
  return { values: { ...values }, positionals };
};

suite('parseOptions', () => {
  test('reads flags with one dash or two, and one letter with or without a space', () => {
    const values = { header: ['a: b', 'c: d'], method: 'POST', listen: ':1', json: true };
    for (const args of [
      ['--header', 'a: b', '--header=c: d', '--method', 'POST', '--listen', ':1', '--json'],
      ['-H', 'a: b', '-Hc: d', '-XPOST', '-listenAddress=:1', '-json'],
      ['-header', 'a: b', '-H=c: d', '-X=POST', '-listenAddress', ':1', '--json'],
    ])
      assert.deepEqual(read(...args), { values, positionals: [] }, args.join(' '));
  });

  test('reads no flags after --', () => {
    const { values, positionals } = read('-XPUT', '--', '-XPOST', '--json', '-H');
    assert.deepEqual(values, { header: [], method: 'PUT', listen: undefined, json: false });
    assert.deepEqual(positionals, ['-XPOST', '--json', '-H']);
  });

  for (const [args, message] of [
    [['--heder', 'a'], 'unknown flag "--heder"; did you mean "--header"?'],
    [['--heder=a'], 'unknown flag "--heder"; did you mean "--header"?'],
    [['-listenAdress', ':1'], 'unknown flag "-listenAdress"; did you mean "-listenAddress"?'],
    [['-listenAdress=:1'], 'unknown flag "-listenAdress"; did you mean "-listenAddress"?'],
    [['--colour'], 'unknown flag "--colour" (--help lists the flags)'],
    [['-z'], 'unknown flag "-z" (--help lists the flags)'],
    [['-X'], '-X: expected a value'],
    [['--method'], '--method: expected a value'],
    [['-X', '-1'], '-X: expected a value; one that begins with "-" follows a "=": -X=VALUE'],
    [['--header', '--json'], '--header: expected a value; one that begins with "-" follows a "=": --header=VALUE'],
    [['--json=yes'], '--json: expected no value'],
  ] as const) {
    test(`refuses ${args.join(' ')} with the reason`, () => {
      assert.throws(() => read(...args), new MeshmockError('usage', message));
    });
  }
});
