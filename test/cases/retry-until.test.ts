import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { retryUntil } from '../../src/cases/run-case.ts';
import { MeshmockError } from '../../src/error/meshmock-error.ts';

const never = new AbortController().signal;

/** Returns an action that counts its runs, and its count. */
function counter(): { readonly action: () => Promise<number>; readonly runs: () => number } {
  let count = 0;
  return { action: async () => ++count, runs: () => count };
}

suite('retryUntil', () => {
  test('repeats the action until its result is right', async () => {
    const { action, runs } = counter();
    assert.equal(await retryUntil(action, (count) => count === 3, { retryUntilMs: 60_000 }, never), 3);
    assert.equal(runs(), 3);
  });

  test('runs the action once without a retry time', async () => {
    const { action, runs } = counter();
    assert.equal(await retryUntil(action, () => false, { retryUntilMs: 0 }, never), 1);
    assert.equal(runs(), 1);
  });

  test('returns the last result when its time is over', async () => {
    const { action, runs } = counter();
    const startedAt = performance.now();
    const last = await retryUntil(action, () => false, { retryUntilMs: 700 }, never);
    assert.ok(last > 1);
    assert.equal(runs(), last);
    assert.ok(performance.now() - startedAt < 5000);
  });

  test('ends when it is stopped', async () => {
    const stop = new AbortController();
    const { action, runs } = counter();
    const isRight = (): boolean => {
      stop.abort();
      return false;
    };
    const retried = retryUntil(action, isRight, { retryUntilMs: 60_000 }, stop.signal);
    await assert.rejects(retried, (error) => error instanceof MeshmockError && error.code === 'canceled');
    assert.equal(runs(), 1);
  });
});
