import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { StallTimeout } from '../../../src/istio/host/stall-timeout.ts';
import { StartSlots } from '../../../src/istio/process/start-slots.ts';

describe('the slots for starting pods', () => {
  const never = new AbortController().signal;

  it('are taken in order, and freed once', async () => {
    const slots = new StartSlots(1);
    const order: string[] = [];
    const free = await slots.take(never);
    const second = slots.take(never).then((release) => {
      order.push('second');
      return release;
    });
    const third = slots.take(never).then(() => order.push('third'));
    free();
    free();
    const freeSecond = await second;
    assert.deepEqual(order, ['second']);
    freeSecond();
    await third;
    assert.deepEqual(order, ['second', 'third']);
  });

  it('are not kept by a pod that ends while it waits', async () => {
    const slots = new StartSlots(1);
    const free = await slots.take(never);
    const stopped = new AbortController();
    const ended = slots.take(stopped.signal);
    const other = slots.take(never);
    stopped.abort(new Error('ended'));
    await assert.rejects(ended, /ended/);
    free();
    await other;
  });
});

describe('a timeout of work that advances', () => {
  it('begins again with each advance', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    using timeout = new StallTimeout(100);
    const { signal } = timeout;
    const aborted = once(signal, 'abort');
    t.mock.timers.tick(90);
    timeout.advance();
    t.mock.timers.tick(90);
    assert.equal(signal.aborted, false);
    t.mock.timers.tick(10);
    await aborted;
  });
});
