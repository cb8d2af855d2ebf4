import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallResult, ReceivedRequest } from '../../src/reply/reply.ts';
import { fails, holds, unknown, verdicts } from './verdicts.ts';

const received = (request: Partial<ReceivedRequest>, body?: string): CallResult => ({
  target: 'gateway',
  scheme: 'http',
  status: 200,
  answeredBy: 'service',
  reply: {
    service: 'web',
    status: 200,
    ...(body === undefined ? {} : { body }),
    request: { protocol: 'http', method: 'POST', uri: '/x', headers: {}, ...request },
  },
});

test('the body that a callee saw can be compared, and one that is not there is absent', () => {
  const call = received({ body: '{"a": 1}', bodyBytes: 8 });
  assert.deepEqual(verdicts('root body = "{\\"a\\": 1}"', call), holds);
  assert.deepEqual(verdicts('root body contains "\\"a\\""', call), holds);
  assert.deepEqual(verdicts('root body matches /"a": [12]/', call), holds);
  assert.deepEqual(verdicts('root body exists', call), holds);
  assert.deepEqual(verdicts('root body exists', received({})), fails);
  assert.deepEqual(verdicts('root body = a', received({})), fails);
});

test('a body that is shown in part, or not as text, is never taken for another one', () => {
  const part = received({ body: 'abc', bodyBytes: 5000 });
  assert.deepEqual(verdicts('root body contains b', part), holds);
  for (const expectation of ['root body contains z', 'root body = abc', 'root body matches /^abc/'])
    assert.deepEqual(verdicts(expectation, part), unknown, expectation);
  const binary = received({ bodyBytes: 3 });
  assert.deepEqual(verdicts('root body exists', binary), holds);
  assert.deepEqual(verdicts('root body contains a', binary), unknown);
  // An older mock does not show bodies.
  assert.deepEqual(verdicts('root body exists', received({ headers: { 'content-length': '3' } })), unknown);
  assert.deepEqual(verdicts('root body exists', received({ headers: { 'transfer-encoding': 'chunked' } })), unknown);
  assert.deepEqual(verdicts('root body exists', received({ protocol: 'grpc' })), unknown);
});

test('the body of an answer is that of the reply, or of another server as far as it is shown', () => {
  assert.deepEqual(verdicts('root answer-body = hello', received({}, 'hello')), holds);
  const foreign: CallResult = {
    target: 'x',
    scheme: 'http',
    status: 200,
    answeredBy: 'foreign',
    headers: {},
    body: 'hello world',
  };
  assert.deepEqual(verdicts('root answer-body contains world', foreign), holds);
  assert.deepEqual(verdicts('root answer-body contains z', { ...foreign, bodyBytes: 9999 }), unknown);
  assert.deepEqual(verdicts('root answer-body exists', { ...foreign, body: '' }), holds);
  const nobody: CallResult = {
    target: 'x',
    scheme: 'http',
    answeredBy: 'nobody',
    error: { code: 'refused', message: '' },
  };
  assert.deepEqual(verdicts('root answer-body exists', nobody), unknown);
});

test('a body that an answer lost, to fit into a gRPC status, is not absent', () => {
  const { reply, ...cut } = received({});
  const { headers: _headers, ...request } = reply?.request ?? { protocol: 'http', method: 'GET', uri: '/' };
  assert.deepEqual(verdicts('root answer-body exists', received({})), fails);
  const shortened = { ...cut, reply: { service: 'web', status: 200, request } };
  assert.deepEqual(verdicts('root answer-body exists', shortened), unknown);
  assert.deepEqual(verdicts('root answer-body exists', { ...cut, answeredBy: 'foreign' }), unknown);
});
