import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { abortReason } from '../../src/execute/concurrency/abort-reason.ts';

suite('abortReason', () => {
  test('returns the error of a call with which a signal was aborted', () => {
    const reason = { code: 'timeout', message: 'no answer within 5 ms' };
    assert.equal(abortReason(AbortSignal.abort(reason)), reason);
  });

  for (const [name, reason] of [
    ['no reason', undefined],
    ['an error of Node, whose code is a number', new DOMException('The operation was aborted', 'AbortError')],
    ['an unknown code', { code: 'other', message: 'x' }],
    ['no message', { code: 'timeout' }],
    ['a text', 'stopped'],
  ] as const)
    test(`counts an abort with ${name} as canceled`, () => {
      assert.deepEqual(abortReason(AbortSignal.abort(reason)), {
        code: 'canceled',
        message: 'the call was canceled',
      });
    });
});
