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
async function heapOfRequest(
  mesh: TestMesh,
  directive: string,
  continuation: (index: number) => string,
): Promise<number> {
  const waiting: http.ServerResponse[] = [];
  await using callee = await startForeignServer((_request, response) => waiting.push(response));
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const path = `${directive}/@127.0.0.1:${callee.port}`;
  const replies = Array.from({ length: requests }, (_, index) =>
    callHttp(mesh.httpPort('a'), path + continuation(index)),
  );
  while (waiting.length < requests) await nextTurn();
  collectGarbage();
  const heap = process.memoryUsage().heapUsed - before;
  for (const response of waiting) response.end();
  await Promise.all(replies);
  return heap / requests;
}

const chain = '/@b'.repeat(48);
const cases: readonly [name: string, directive: string, continuation: (index: number) => string][] = [
  ['without directives', '', (index) => `${chain}/x${index}`],
  ['with a directive', '/~delay=1ms', (index) => `${chain}/x${index}`],
  ['with a continuation for one call', '', (index) => `(${chain}/x${index})`],
];

for (const [name, directive, continuation] of cases)
  test(`a request does not keep its plan while its calls run, ${name}`, async () => {
    await using mesh = await startMesh(['a']);
    const shortOne = (index: number): string => `/x${index}`;
    await heapOfRequest(mesh, directive, shortOne);
    const short = await heapOfRequest(mesh, directive, shortOne);
    // The plan takes more than 20 kB. What remains of it is the text that is sent to the callee.
    const long = await heapOfRequest(mesh, directive, continuation);
    assert.ok(long - short < 10_000, `${long - short} bytes`);
  });
