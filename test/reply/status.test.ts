import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grpcStatusNames } from '../../src/plan/plan.ts';
import type { CallResult, RefusalReason } from '../../src/reply/reply.ts';
import { grpcCodeOf, grpcStatusOf, httpStatusOf, statusOfCalls } from '../../src/reply/status.ts';

const call = (fields: Partial<CallResult>): CallResult => ({
  target: 'a:8080',
  scheme: 'http',
  answeredBy: 'service',
  ...fields,
});
const failed = (code: 'refused' | 'timeout'): CallResult =>
  call({ answeredBy: 'nobody', error: { code, message: '' } });
const refused = (reason: RefusalReason, fields: Partial<CallResult>): CallResult =>
  call({ answeredBy: 'proxy', mesh: { refusal: { reason, explanation: '' } }, ...fields });

const rows: readonly (readonly [string, CallResult[], number])[] = [
  ['no calls', [], 200],
  ['calls with answers', [call({ status: 200 }), call({ status: 201 })], 200],
  ['a refused call', [call({ status: 200 }), failed('refused')], 502],
  ['a call that timed out', [call({ status: 200 }), failed('timeout')], 504],
  ['a refused call and one that timed out', [failed('timeout'), failed('refused')], 502],
  ['a call whose callee has status 502', [call({ status: 502 })], 502],
  ['a call whose callee has status 504', [call({ status: 504 })], 504],
  ['a 404 of a meshmock', [call({ status: 404 })], 502],
  ['a foreign 404', [call({ status: 404, answeredBy: 'foreign' })], 200],
  ['a foreign 503', [call({ status: 503, answeredBy: 'foreign' })], 502],
  ["a proxy's 403", [refused('rbac_denied', { status: 403 })], 502],
  ["a proxy's 404 of gRPC", [refused('no_route', { status: 501, grpcStatus: 'UNIMPLEMENTED' })], 502],
  ["a proxy's fault with status 200", [refused('fault', { status: 200 })], 502],
  ["a proxy's timeout", [refused('timeout', { status: 504 })], 504],
  ["a proxy's timeout of gRPC", [refused('timeout', { status: 503, grpcStatus: 'UNAVAILABLE' })], 504],
  [
    'a gRPC server that does not know Call',
    [call({ status: 501, grpcStatus: 'UNIMPLEMENTED', answeredBy: 'foreign' })],
    200,
  ],
];

for (const [name, calls, status] of rows) {
  test(`A service has status ${status} after ${name}`, () => {
    assert.equal(statusOfCalls(calls), status);
  });
}

test('A gRPC status keeps its HTTP status after it is mapped to HTTP and back', () => {
  for (const [code, name] of grpcStatusNames.entries()) {
    const { status, grpcStatus } = httpStatusOf(code);
    assert.equal(grpcStatus, name);
    assert.equal(grpcCodeOf(name), code);
    assert.equal(httpStatusOf(grpcCodeOf(grpcStatusOf(status))).status, status);
  }
});

test('Every HTTP status has a gRPC status, which is an error from 400 on', () => {
  for (let status = 200; status < 600; status++) {
    assert.equal(grpcStatusOf(status) === 'OK', status < 400);
  }
});
