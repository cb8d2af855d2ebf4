import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { CallResult } from '../../src/reply/reply.ts';
import { callHttp, startMesh } from '../running-mesh.ts';

/** Steps of a call, as both threads see them. */
const steps = { asked: 1, mayAnswer: 2, answered: 3 };

/** Server in another thread, which answers when this thread lets it. */
const server = `
const http = require('node:http');
const { workerData: step, parentPort } = require('node:worker_threads');
const server = http.createServer((request, response) => {
  Atomics.store(step, 0, ${steps.asked});
  Atomics.wait(step, 0, ${steps.asked});
  response.end('in time', () => {
    Atomics.store(step, 0, ${steps.answered});
    Atomics.notify(step, 0);
  });
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

/**
 * Sends a plan to service a, and stops this thread after a has called the server: until its answer has arrived, and the
 * timeout of 1 s has passed. Then the event loop runs timers, and reads the answer after them.
 *
 * @param plan returns the plan for the port of the server
 */
async function callsOfLateProcess(
  plan: (port: number) => string,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly CallResult[]> {
  await using mesh = await startMesh(['a', 'b']);
  const step = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(server, { eval: true, workerData: step });
  try {
    const [port] = (await once(worker, 'message')) as [number];
    const reply = callHttp(mesh.httpPort('a'), plan(port), headers);
    while (Atomics.load(step, 0) !== steps.asked) await nextTurn();
    Atomics.store(step, 0, steps.mayAnswer);
    Atomics.notify(step, 0);
    Atomics.wait(step, 0, steps.mayAnswer);
    Atomics.wait(step, 0, steps.answered, 1500);
    return (await reply).calls ?? [];
  } finally {
    await worker.terminate();
  }
}

suite('a process that is late', () => {
  test('reads an answer that arrived before the timeout of its call', async () => {
    const [call] = await callsOfLateProcess((port) => `/@127.0.0.1:${port};timeout=1s/x`);
    assert.deepEqual([call?.error, call?.status, call?.body], [undefined, 200, 'in time']);
  });

  test('begins no call after the deadline of its request, although it has not ended the request yet', async () => {
    // Each of the calls over gRPC would end at once, so all of them would begin in one turn of the event loop.
    const calls = await callsOfLateProcess((port) => `/@127.0.0.1:${port},grpc:b*500/x`, {
      'x-meshmock-deadline-ms': '1000',
    });
    assert.deepEqual(
      calls.map(({ status, error, summary }) => [status, error?.code, summary?.count]),
      [
        [200, undefined, undefined],
        [undefined, 'not_made', undefined],
      ],
    );
  });
});
