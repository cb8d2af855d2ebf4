import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { retryUntil } from '../../src/cases/run-case.ts';
import { MeshmockError } from '../../src/error/meshmock-error.ts';

const never = new AbortController().signal;

/** Counts how often it is done. */
function counter(): { readonly once: () => Promise<number>; readonly done: () => number } {
  let count = 0;
  return { once: async () => ++count, done: () => count };
}

suite('what is tried again', () => {
  test('is tried until it is right, and no longer', async () => {
    const { once, done } = counter();
    assert.equal(await retryUntil(once, (count) => count === 3, { retryUntilMs: 60_000 }, never), 3);
    assert.equal(done(), 3);
  });

  test('is tried once without time for more', async () => {
    const { once, done } = counter();
    assert.equal(await retryUntil(once, () => false, { retryUntilMs: 0 }, never), 1);
    assert.equal(done(), 1);
  });

  test('gives its last result when the time is up', async () => {
    const { once, done } = counter();
    const startedAt = performance.now();
    const last = await retryUntil(once, () => false, { retryUntilMs: 700 }, never);
    assert.ok(last > 1);
    assert.equal(done(), last);
    assert.ok(performance.now() - startedAt < 5000);
  });

  test('ends when it is stopped', async () => {
    const stop = new AbortController();
    const { once, done } = counter();
    const isRight = (): boolean => {
      stop.abort();
      return false;
    };
    const tried = retryUntil(once, isRight, { retryUntilMs: 60_000 }, stop.signal);
    await assert.rejects(tried, (error) => error instanceof MeshmockError && error.code === 'canceled');
    assert.equal(done(), 1);
  });
});
