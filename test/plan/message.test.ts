import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import { fromMessage } from '../../src/plan/from-message.ts';
import { parsePath } from '../../src/plan/parse.ts';
import { toMessage } from '../../src/plan/to-message.ts';

test('A shared continuation appears once in the message', () => {
  assert.deepEqual(toMessage(parsePath('/@a|b/@c|d/x')), {
    stages: [{ calls: [{ host: 'a' }, { host: 'b' }] }],
    then: { stages: [{ calls: [{ host: 'c' }, { host: 'd' }] }], then: { uri: '/x' } },
  });
});

test('An empty message is the plan /', () => {
  assert.deepEqual(fromMessage({}), parsePath('/'));
});

test('A field that is null counts as absent, as in the JSON mapping of protobuf', () => {
  assert.deepEqual(fromMessage({ stages: null, uri: '/x', then: null }), parsePath('/x'));
});

const call = (fields: object) => ({ stages: [{ calls: [{ host: 'a', ...fields }] }] });

const wrong: readonly (readonly [unknown, string])[] = [
  ['/@a', 'plan'],
  [[], 'plan'],
  [{ stage: [] }, 'plan.stage'],
  [{ uri: 5 }, 'plan.uri'],
  [{ uri: 'x' }, 'plan.uri'],
  [{ uri: '/@a' }, 'plan.uri'],
  [{ uri: '/%40a' }, 'plan.uri'],
  [{ uri: '/a b' }, 'plan.uri'],
  [{ then: { uri: '/' } }, 'plan.then'],
  [{ stages: [] }, 'plan.stages'],
  [{ stages: [{}] }, 'plan.stages[0].calls'],
  [{ ...call({}), uri: '/x' }, 'plan.uri'],
  [call({ host: '' }), 'plan.stages[0].calls[0].host'],
  [call({ host: 'a/@b' }), 'plan.stages[0].calls[0].host'],
  [call({ scheme: 'ftp' }), 'plan.stages[0].calls[0].scheme'],
  [call({ port: 70_000 }), 'plan.stages[0].calls[0].port'],
  [call({ port: '80' }), 'plan.stages[0].calls[0].port'],
  [call({ times: -1 }), 'plan.stages[0].calls[0].times'],
  [call({ headers: [{ name: 'a\r\nb', value: '' }] }), 'plan.stages[0].calls[0].headers[0].name'],
  [call({ headers: [{ name: 'a', value: 'x\r\ny: z' }] }), 'plan.stages[0].calls[0].headers[0].value'],
  [call({ options: { timeoutMs: 0 } }), 'plan.stages[0].calls[0].options.timeoutMs'],
  [call({ options: { method: 'G T' } }), 'plan.stages[0].calls[0].options.method'],
  [call({ then: { uri: '/)' } }), 'plan.stages[0].calls[0].then.uri'],
  [{ directives: [{}] }, 'plan.directives[0]'],
  [{ directives: [{ status: 503, body: 'x' }] }, 'plan.directives[0]'],
  [{ directives: [{ body: 'a\ud800' }] }, 'plan.directives[0].body'],
  [{ directives: [{ status: 99 }] }, 'plan.directives[0].status'],
  [{ directives: [{ close: false }] }, 'plan.directives[0].close'],
  [{ directives: [{ delay: { range: { minMs: 2, maxMs: 1 } } }] }, 'plan.directives[0].delay.range.maxMs'],
  [{ directives: [{ hang: true, conditions: [{ share: 2 }] }] }, 'plan.directives[0].conditions[0].share'],
];

for (const [message, field] of wrong) {
  test(`The message ${JSON.stringify(message)} has an error at ${field}`, () => {
    assert.throws(
      () => fromMessage(message),
      (error: unknown) => error instanceof MeshmockError && error.code === 'invalid_plan' && error.field === field,
    );
  });
}

test('A message that is too deep is refused before the stack overflows', () => {
  let message: object = { uri: '/' };
  for (let depth = 0; depth < 20_000; depth++) message = { stages: [{ calls: [{ host: 'a' }] }], then: message };
  assert.throws(
    () => fromMessage(message),
    (error: unknown) => error instanceof MeshmockError && error.code === 'limit_exceeded',
  );
});

test('A message with too many calls is refused at the field of the excess call', () => {
  const call = (host: string, times: number): object => ({ host, times });
  const fieldOf = (stages: object[], then?: object): string | undefined => {
    try {
      fromMessage({ stages: [{ calls: stages }], ...(then === undefined ? {} : { then }) });
    } catch (error) {
      return (error as MeshmockError).field;
    }
    return undefined;
  };
  assert.equal(fieldOf([call('a', 1), call('b', 1000)]), 'plan.stages[0].calls[1]');
  assert.equal(fieldOf([call('a', 1)], { stages: [{ calls: [call('b', 1000)] }] }), 'plan.then.stages[0].calls[0]');
  assert.equal(fieldOf([call('a', 1), call('b', 999)]), undefined);
});
