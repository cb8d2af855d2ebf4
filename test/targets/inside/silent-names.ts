/** Tests of names without an answer. They need the network of `set-up.sh`: `targets.test.ts` runs them. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NameServer, records, startNameServer } from '../../dial/name-server.ts';
import { type ServedProgram, startServe } from '../../program.ts';
import { callHttp } from '../../running-mesh.ts';
import { assertOwnNetwork } from './network.ts';

const silentNames = 100;

suite('100 names that the name server does not answer', () => {
  let nameServer: NameServer;
  let mock: ServedProgram;
  before(async () => {
    assertOwnNetwork();
    nameServer = await startNameServer(
      (question) => (question.name.startsWith('silent') ? 'silence' : records(question, ['127.0.0.1'])),
      { address: '127.0.0.53', port: 53 },
    );
    mock = await startServe('mock');
  });
  after(async () => {
    await mock[Symbol.asyncDispose]();
    await nameServer[Symbol.asyncDispose]();
  });

  const openFiles = (): number => readdirSync(`/proc/${mock.child.pid}/fd`).length;

  /** Calls the given number of names once, and returns the durations of the calls in ascending order. */
  async function durationsOf(scheme: 'http' | 'grpc', names: number): Promise<readonly number[]> {
    const port = scheme === 'http' ? mock.httpPort : mock.grpcPort;
    const durations: number[] = [];
    for (let index = 0; index < names; index++) {
      const [call] = (await callHttp(mock.httpPort, `/@${scheme}:good-${scheme}${index}.test:${port}/x`)).calls ?? [];
      assert.equal(call?.status, 200, JSON.stringify(call));
      durations.push(call.durationMs ?? Number.NaN);
    }
    return durations.toSorted((a, b) => a - b);
  }

  for (const scheme of ['http', 'grpc'] as const) {
    test(`do not stop other names, over ${scheme}`, async () => {
      const filesBefore = openFiles();
      const targets = Array.from({ length: silentNames }, (_, index) => `${scheme}:silent-${scheme}${index}.test`);
      const attack = callHttp(mock.httpPort, `/@${targets.join('|')}/x`, { 'x-meshmock-deadline-ms': '3000' });
      await nameServer.asked(targets.map((target) => target.replace(/^\w+:/, '')));
      const durations = await durationsOf(scheme, 20);
      assert.ok((durations[10] ?? Number.NaN) < 1000, `durations: ${durations.join(' ')} ms`);
      const { status, calls = [] } = await attack;
      assert.equal(status, 502);
      assert.equal(calls.length, silentNames);
      for (const { error } of calls) {
        assert.equal(error?.code, 'dns');
        assert.match(error?.message ?? '', /^silent-\w+\.test: not resolved within \d+ ms/);
      }
      // Each lookup has ended with its call, so its socket is closed.
      const end = performance.now() + 10_000;
      while (openFiles() > filesBefore + silentNames / 2) {
        assert.ok(performance.now() < end, `${openFiles()} open files, ${filesBefore} before`);
        await sleep(20);
      }
    });
  }

  test('get the code dns when the resolver gives up before the request does', async () => {
    const startedAt = performance.now();
    const [call] = (await callHttp(mock.httpPort, '/@silent-alone.test/x')).calls ?? [];
    assert.equal(call?.error?.code, 'dns');
    assert.match(call?.error?.message ?? '', /^silent-alone\.test: no name server answers, after \d{4,5} ms$/);
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs > 5000 && tookMs < 14_000, `${tookMs} ms: two attempts of 5 s`);
  });
});
