import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { StallTimeout } from '../../../src/istio/host/stall-timeout.ts';
import { podLimit } from '../../../src/istio/node/node-object.ts';
import { ReadyBatch } from '../../../src/istio/node/pod-status-writer.ts';
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

describe('the slots for starting pods, while processors are idle', () => {
  const never = new AbortController().signal;
  const startAll = (count: number, idleShare: number) => {
    const slots = new StartSlots(2, () => ({ share: () => idleShare }));
    const releases: (() => void)[] = [];
    for (let pod = 0; pod < count; pod++) void slots.take(never).then((release) => releases.push(release));
    return { slots, releases };
  };
  const advance = async (t: TestContext, ms: number): Promise<void> => {
    t.mock.timers.tick(ms);
    await setImmediate();
  };

  it('are three times as many, and as before when pods are ready', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const { slots, releases } = startAll(10, 0.5);
    await advance(t, 0);
    assert.equal(releases.length, 2);
    for (let count = 0; count < 10; count++) await advance(t, 100);
    assert.equal(releases.length, 6);
    for (const release of releases.slice(0, 4)) release();
    await setImmediate();
    assert.equal(releases.length, 6, 'four slots were only for idle processors');
    assert.equal(slots.areInUse, true);
    releases[4]?.();
    await setImmediate();
    assert.equal(releases.length, 7);
  });

  it('stay as they are if processors are busy', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const { releases } = startAll(5, 0.05);
    for (let count = 0; count < 10; count++) await advance(t, 100);
    assert.equal(releases.length, 2);
  });
});

describe('pods that become ready while others start', () => {
  const batch = () => {
    const written: string[] = [];
    const state = { areOthersStarting: true };
    const pods = new ReadyBatch<{ name: string }>(
      ({ name }) => written.push(name),
      () => state.areOthersStarting,
    );
    return { written, state, pods };
  };

  it('are reported together with the last one', () => {
    const { written, state, pods } = batch();
    const first = { name: 'a' };
    pods.add(first);
    pods.add({ name: 'b' });
    assert.deepEqual(written, []);
    assert.equal(pods.hasWritten(first), false);
    state.areOthersStarting = false;
    pods.add({ name: 'c' });
    assert.deepEqual(written, ['a', 'b', 'c']);
    assert.equal(pods.hasWritten(first), true);
  });

  it('are reported after ten seconds if others take longer', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { written, pods } = batch();
    pods.add({ name: 'a' });
    t.mock.timers.tick(9000);
    pods.add({ name: 'b' });
    assert.deepEqual(written, []);
    t.mock.timers.tick(1000);
    assert.deepEqual(written, ['a', 'b']);
  });
});

describe('the number of pods of a mesh', () => {
  const gibibyte = 1024 ** 3;

  it('follows the memory of a small machine, and says so', () => {
    assert.deepEqual(podLimit(2 * gibibyte, 2), { pods: 17, reason: 'this machine has memory for 17 pods' });
  });

  it('follows the processors of a machine with much memory, and says so', () => {
    assert.deepEqual(podLimit(64 * gibibyte, 2), { pods: 120, reason: '2 processors are enough for 120 pods' });
    assert.deepEqual(podLimit(64 * gibibyte, 1), { pods: 60, reason: 'one processor is enough for 60 pods' });
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
