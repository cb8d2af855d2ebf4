import assert from 'node:assert/strict';
import { test } from 'node:test';
import { captureFrom, cookiesOf } from '../../src/cases/captures.ts';
import { parseTextSource } from '../../src/expect/parse-source.ts';
import { parsePath } from '../../src/plan/parse.ts';
import { noLimits } from '../../src/plan/plan.ts';
import type { CallResult } from '../../src/reply/reply.ts';

const call: CallResult = {
  target: 'shop.example',
  scheme: 'http',
  status: 200,
  answeredBy: 'service',
  headers: { 'set-cookie': '[redacted]', 'x-a': 'b' },
  reply: {
    service: 'web',
    pod: 'web-1',
    status: 200,
    request: { protocol: 'http', method: 'GET', uri: '/x', headers: { 'x-a': 'c' } },
    calls: [
      {
        target: 'db:80',
        scheme: 'http',
        status: 200,
        answeredBy: 'service',
        reply: { service: 'db', pod: 'db-1', status: 200 },
      },
    ],
  },
};
const answer = { call, plan: parsePath('/@db/x', noLimits), headers: { 'set-cookie': 'a=1; Path=/', 'x-a': 'b' } };
const capture = (text: string, from: Parameters<typeof captureFrom>[1] = answer) =>
  captureFrom({ name: 'v', source: parseTextSource(text) }, from);

test('a captured value is that of the answer, of a called service, or of its request', () => {
  assert.equal(capture('header x-a'), 'b');
  assert.equal(capture('root answer-header x-a'), 'b');
  assert.equal(capture('web header x-a'), 'c');
  assert.equal(capture('db pod'), 'db-1');
  assert.equal(capture('root pod'), 'web-1');
  assert.equal(capture('header x-b'), undefined);
  assert.equal(capture('other pod'), undefined);
});

test('a captured cookie is what a client sends back, also if replies do not show it', () => {
  assert.equal(capture('header set-cookie'), 'a=1');
  assert.equal(capture('header set-cookie', { ...answer, headers: undefined }), undefined);
  assert.equal(cookiesOf('a=1; Path=/; Expires=Sun, 06 Nov 1994 08:49:37 GMT, b="x y"; HttpOnly'), 'a=1; b="x y"');
});
