import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readReply } from '../../src/reply/json.ts';
import { pruneReply } from '../../src/reply/prune.ts';
import type { Reply } from '../../src/reply/reply.ts';
import { leaf, tree } from './example-reply.ts';

test('Pruning removes headers, then successful calls, then the lowest levels, and counts the removed calls', () => {
  const whole = readReply(tree);
  const good: Reply = {
    service: 'good',
    status: 200,
    calls: [{ target: 'x:1', scheme: 'http', status: 200, answeredBy: 'service', reply: leaf }],
  };
  const deep: Reply = {
    ...whole,
    calls: [
      { target: 'bad:1', scheme: 'http', status: 502, answeredBy: 'service', reply: whole },
      { target: 'good:1', scheme: 'http', status: 200, answeredBy: 'service', reply: good },
    ],
  };
  const size = (reply: Reply): number => JSON.stringify(reply).length;
  assert.equal(
    pruneReply(deep, () => true),
    deep,
  );
  const slim = pruneReply(deep, (reply) => size(reply) < size(deep));
  assert.equal(slim.request?.headers, undefined);
  assert.equal(slim.calls?.[0]?.reply?.calls?.length, 3);
  assert.equal(slim.calls?.[1]?.reply?.calls?.length, 1);
  const failures = pruneReply(deep, (reply) => size(reply) < size(slim));
  assert.equal(failures.calls?.[0]?.reply?.calls?.[1]?.error?.code, 'refused');
  assert.equal(failures.calls?.[1]?.reply?.prunedCalls, 1);
  const oneLevel = pruneReply(deep, (reply) => size(reply) < 700);
  assert.equal(oneLevel.calls?.[0]?.reply?.prunedCalls, 3);
  const root = pruneReply(deep, (reply) => size(reply) < 300);
  assert.equal(root.prunedCalls, 6);
  assert.equal(pruneReply(deep, () => false).service, 'gateway');
});
