import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DeadlineSignal } from '../../src/execute/concurrency/deadline-signal.ts';
import type { CallError } from '../../src/reply/reply.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: { type: 'minor' | 'major' }) => void;

const canceled: CallError = { code: 'canceled', message: 'the parent ended' };
const late: CallError = { code: 'timeout', message: 'too late' };

function deadlineOf(parent: AbortSignal, timeoutMs: number): DeadlineSignal {
  return new DeadlineSignal(
    parent,
    timeoutMs,
    () => canceled,
    () => late,
  );
}

test('a deadline that has not passed has no reason, and its signal is not aborted', () => {
  const deadline = deadlineOf(new AbortController().signal, 60_000);
  assert.equal(deadline.reason, undefined);
  assert.equal(deadline.signal.aborted, false);
  deadline.dispose();
});

test('a deadline is aborted with its parent, also with one that is aborted already', () => {
  const parent = new AbortController();
  const before = deadlineOf(parent.signal, 60_000);
  parent.abort();
  const after = deadlineOf(parent.signal, 60_000);
  for (const deadline of [before, after]) {
    assert.equal(deadline.signal.reason, canceled);
    assert.equal(deadline.reason, canceled);
    deadline.dispose();
  }
});

test('the reason of a timeout is known before the signal is aborted', async () => {
  const deadline = deadlineOf(new AbortController().signal, 1);
  while (performance.now() < deadline.deadlineAt) {}
  assert.equal(deadline.reason, late);
  assert.equal(deadline.signal.aborted, false);
  await new Promise((resolve) => deadline.signal.addEventListener('abort', resolve, { once: true }));
  assert.equal(deadline.signal.reason, late);
  deadline.dispose();
});

test('a deadline that was disposed is aborted neither by its parent nor by its timeout', async () => {
  const parent = new AbortController();
  const deadline = deadlineOf(parent.signal, 1);
  deadline.dispose();
  parent.abort();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(deadline.signal.aborted, false);
});

test('deadlines that were disposed are gone after a minor collection', () => {
  const oldBytes = (): number =>
    getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')?.space_used_size ?? Number.NaN;
  const useMany = (): void => {
    for (let count = 0; count < 1000; count++) deadlineOf(new AbortController().signal, 60_000).dispose();
    collect({ type: 'minor' });
    collect({ type: 'minor' });
  };
  useMany();
  collect({ type: 'major' });
  const bytes = oldBytes();
  for (let rounds = 0; rounds < 10; rounds++) useMany();
  const grown = oldBytes() - bytes;
  assert.ok(grown < 1_000_000, `10,000 deadlines left ${grown} bytes among the old objects`);
});
