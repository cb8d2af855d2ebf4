import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatPath } from '../../src/plan/format.ts';
import { fromMessage } from '../../src/plan/from-message.ts';
import { parsePath } from '../../src/plan/parse.ts';
import { tcpText } from '../../src/plan/tcp-text.ts';

suite('A call over TCP in the path language', () => {
  test('has the port 9000 by default, and may repeat, retry and wait', () => {
    const plan = parsePath('/@tcp:echo*3;timeout=1s;retries=2|tcp:b:6379(/ping)/hello');
    assert.ok(plan.kind === 'calls');
    assert.deepEqual(
      plan.stages[0]?.map(({ scheme, host, port }) => ({ scheme, host, port })),
      [
        { scheme: 'tcp', host: 'echo', port: 9000 },
        { scheme: 'tcp', host: 'b', port: 6379 },
      ],
    );
    assert.equal(formatPath(plan), '/@tcp:echo*3;timeout=1s;retries=2|tcp:b:6379(/ping)/hello');
  });

  test('leaves services alone that are called tcp', () => {
    const plan = parsePath('/@tcp|tcp:8081/x');
    assert.ok(plan.kind === 'calls');
    assert.deepEqual(
      plan.stages[0]?.map(({ scheme, host, port }) => `${scheme} ${host} ${port}`),
      ['http tcp 8080', 'http tcp 8081'],
    );
  });

  for (const { path, at } of [
    { path: '/@a|tcp:b/@c/x', at: 4 },
    { path: '/@a(/@tcp:b(/~delay=1s/x))/', at: 6 },
    { path: '/@tcp:a/EHLO%20x%0D%0AMAIL', at: 2 },
    { path: '/@tcp:a[n=v]/x', at: 7 },
    { path: '/@tcp:a;method=POST/x', at: 8 },
  ])
    test(`carries only a line of text: ${path} is refused at its place`, () => {
      assert.throws(
        () => parsePath(path),
        (error: { code: string; place?: { offset: number }; message: string }) => {
          assert.equal(error.code, 'invalid_plan');
          assert.match(error.message, /tcp/);
          assert.equal((error as unknown as { offset?: number }).offset ?? error.place?.offset, at);
          return true;
        },
      );
    });

  test('carries only a text in a message too', () => {
    const call = { scheme: 'tcp', host: 'a' };
    const stages = [{ calls: [call] }];
    assert.throws(() => fromMessage({ stages, then: { stages, then: { uri: '/x' } } }), /stages\[0\].*tcp/s);
    assert.throws(
      () => fromMessage({ stages: [{ calls: [{ ...call, headers: [{ name: 'a' }] }] }] }),
      /without headers/,
    );
    assert.throws(
      () => fromMessage({ stages: [{ calls: [{ ...call, options: { method: 'PUT' } }] }] }),
      /without a method/,
    );
  });

  test('sends the URI without its slash, decoded', () => {
    assert.equal(tcpText('/hello%20world?a=%C3%BC'), 'hello world?a=ü');
    assert.equal(tcpText('/100%'), '100%');
  });
});
