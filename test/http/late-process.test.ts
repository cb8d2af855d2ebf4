import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
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

suite('a process that is late', () => {
  test('reads an answer that arrived before the timeout of its call', async () => {
    await using mesh = await startMesh(['a']);
    const step = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(server, { eval: true, workerData: step });
    try {
      const [port] = (await once(worker, 'message')) as [number];
      const reply = callHttp(mesh.httpPort('a'), `/@127.0.0.1:${port};timeout=1s/x`);
      while (Atomics.load(step, 0) !== steps.asked) await nextTurn();
      // From here on, this thread stands still until the answer has arrived and the timeout has passed. Timers come next.
      Atomics.store(step, 0, steps.mayAnswer);
      Atomics.notify(step, 0);
      Atomics.wait(step, 0, steps.mayAnswer);
      Atomics.wait(step, 0, steps.answered, 1500);
      const [call] = (await reply).calls ?? [];
      assert.deepEqual([call?.error, call?.status, call?.body], [undefined, 200, 'in time']);
    } finally {
      await worker.terminate();
    }
  });
});
