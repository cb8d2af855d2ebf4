import assert from 'node:assert/strict';
import type http from 'node:http';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { callHttp, startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A service keeps the plans of some dozen long paths, so most of these would be in memory only for their requests. */
const requests = 200;

/** Returns the memory of a request that waits for a callee, in bytes. */
async function heapOfRequest(mesh: TestMesh, directive: string, pathOfCallee: string): Promise<number> {
  const waiting: http.ServerResponse[] = [];
  await using callee = await startForeignServer((_request, response) => waiting.push(response));
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const path = `${directive}/@127.0.0.1:${callee.port}${pathOfCallee}`;
  const replies = Array.from({ length: requests }, (_, index) => callHttp(mesh.httpPort('a'), path + index));
  while (waiting.length < requests) await nextTurn();
  collectGarbage();
  const heap = process.memoryUsage().heapUsed - before;
  for (const response of waiting) response.end();
  await Promise.all(replies);
  return heap / requests;
}

for (const directive of ['', '/~delay=1ms'])
  test(`a request does not keep its plan while its calls run, ${directive || 'without directives'}`, async () => {
    await using mesh = await startMesh(['a']);
    await heapOfRequest(mesh, directive, '/x');
    const short = await heapOfRequest(mesh, directive, '/x');
    // The plan takes more than 20 kB. What remains of it is the text that is sent to the callee.
    const long = await heapOfRequest(mesh, directive, `${'/@b'.repeat(48)}/x`);
    assert.ok(long - short < 10_000, `${long - short} bytes`);
  });
