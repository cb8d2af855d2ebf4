import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Reply, Summary } from '../../src/reply/reply.ts';
import { callGrpc, callHttp, sendHttp, startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';

const sum = (counts: Record<string, number> = {}): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

function summaryOf(reply: Reply | undefined): Summary {
  const summary = reply?.calls?.[0]?.summary;
  assert.ok(summary !== undefined, JSON.stringify(reply));
  return summary;
}

suite('retries', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['a', 'b']);
  });
  after(() => mesh[Symbol.asyncDispose]());

  for (const scheme of ['http', 'grpc']) {
    test(`a call with two retries makes three attempts, over ${scheme}`, async () => {
      const count = mesh.arrivals.length;
      const { status, calls } = await callHttp(mesh.httpPort('a'), `/@${scheme}:b;retries=2/~status=503:attempt<3/x`);
      const [call] = calls ?? [];
      assert.deepEqual([status, call?.status, call?.reply?.mesh?.attempt], [200, 200, 3]);
      assert.deepEqual(call?.attempts, ['503', '503', '200']);
      assert.equal(mesh.arrivals.length - count, 4);
    });

    test(`a call with one retry makes two attempts, over ${scheme}`, async () => {
      const { status, calls } = await callHttp(mesh.httpPort('a'), `/@${scheme}:b;retries=1/~status=503:attempt<3/x`);
      assert.deepEqual([status, calls?.[0]?.status, calls?.[0]?.attempts], [502, 503, ['503', '503']]);
    });

    test(`a call without an answer is retried, and each attempt has its own timeout, over ${scheme}`, async () => {
      const reset = await callHttp(mesh.httpPort('a'), `/@${scheme}:b;retries=1/~close:attempt=1/x`);
      assert.deepEqual([reset.status, reset.calls?.[0]?.attempts], [200, ['reset', '200']]);
      const slow = await callHttp(mesh.httpPort('a'), `/@${scheme}:b;timeout=400ms;retries=2/~delay=10s:attempt<3/x`);
      const [call] = slow.calls ?? [];
      assert.equal(slow.status, 200);
      assert.equal(call?.attempts?.length, 3);
      assert.ok((call?.durationMs ?? 0) >= 700);
    });
  }

  test('retries end with the first success, and a call without the option has one attempt', async () => {
    const succeeded = await callHttp(mesh.httpPort('a'), '/@b;retries=5/x');
    assert.equal(succeeded.calls?.[0]?.attempts, undefined);
    assert.equal(succeeded.calls?.[0]?.reply?.mesh?.attempt, 1);
    const plain = await callHttp(mesh.httpPort('a'), '/@b/~status=503:attempt=1/x');
    assert.equal(plain.calls?.[0]?.status, 503);
    assert.equal(plain.calls?.[0]?.reply?.mesh?.attempt, undefined);
  });

  test('the deadline ends retries', async () => {
    const startedAt = performance.now();
    const { status, calls } = await callHttp(mesh.httpPort('a'), '/@b;retries=900/~delay=50ms/~status=503/x', {
      'x-meshmock-deadline-ms': 400,
    });
    assert.ok(status === 504 || status === 502);
    assert.ok((calls?.[0]?.attempts?.length ?? 0) < 20);
    // All 901 attempts would take longer than 15 s, which is the deadline of the service.
    assert.ok(performance.now() - startedAt < 8000);
  });
});

suite('repeats', () => {
  let mesh: TestMesh;
  before(async () => {
    const pods = [
      'a',
      { name: 'b', version: 'v1', pod: 'b-v1-1' },
      { name: 'b', version: 'v1', pod: 'b-v1-2' },
      { name: 'b', version: 'v2', pod: 'b-v2-1' },
      'c',
    ];
    // A busy machine needs longer than the usual deadline for a thousand calls.
    mesh = await startMesh(pods, { deadlineMs: 120_000 });
  });
  after(() => mesh[Symbol.asyncDispose]());

  for (const scheme of ['http', 'grpc']) {
    test(`a summary counts 999 calls, 50 of them in parallel, over ${scheme}`, async () => {
      const reply = await callHttp(
        mesh.httpPort('a'),
        `/@${scheme}:b*999;concurrency=50/~status=503:version=v2/~delay=5ms:pod=b-v1-2/x`,
      );
      const [call] = reply.calls ?? [];
      const { count, byStatus, byVersion, byPod, byAttempt, byAnswer, latencyMs, samples = [] } = summaryOf(reply);
      assert.equal(count, 999);
      assert.deepEqual(byStatus, { 200: 666, 503: 333 });
      assert.deepEqual(byVersion, { v1: 666, v2: 333 });
      assert.deepEqual(byPod, { 'b-v1-1': 333, 'b-v1-2': 333, 'b-v2-1': 333 });
      assert.deepEqual([byAttempt, byAnswer], [{ 1: 999 }, { service: 999 }]);
      assert.ok(latencyMs !== undefined);
      const { min, mean, p50, p90, p95, p99, max } = latencyMs;
      for (const [less, more] of [min, p50, p90, p95, p99, max].map((value, index, all) => [
        all[index - 1] ?? 0,
        value,
      ]))
        assert.ok((less ?? 0) <= (more ?? 0), JSON.stringify(latencyMs));
      assert.ok(min <= mean && mean <= max);
      assert.deepEqual(samples.flatMap(({ is }) => is).sort(), ['first', 'first_failed', 'slowest']);
      assert.equal(samples.find(({ is }) => is.includes('first'))?.index, 0);
      assert.equal(samples.find(({ is }) => is.includes('first_failed'))?.call.reply?.version, 'v2');
      assert.equal(samples.find(({ is }) => is.includes('slowest'))?.call.durationMs, max);
      // The call has the status of the first one that failed.
      assert.deepEqual([reply.status, call?.status, call?.answeredBy, call?.reply], [502, 503, 'service', undefined]);
    });

    test(`a repeated call may have repeated calls below it, over ${scheme}`, async () => {
      const count = mesh.arrivals.length;
      const reply = await callHttp(mesh.httpPort('a'), `/@${scheme}:c*5/@${scheme}:b*6;concurrency=3/x`);
      const { samples = [], ...counts } = summaryOf(reply);
      assert.deepEqual([counts.count, counts.byStatus], [5, { 200: 5 }]);
      for (const { call } of samples) assert.equal(summaryOf(call.reply).count, 6);
      assert.equal(mesh.arrivals.length - count, 1 + 5 + 5 * 6);
    });
  }

  test('a gRPC reply has a summary as an HTTP reply has, also if it failed', async () => {
    const { reply } = await callGrpc(mesh.grpcPort('a'), { path: '/@b*6/x' });
    assert.deepEqual([summaryOf(reply).count, summaryOf(reply).samples?.[0]?.index], [6, 0]);
    const failed = await callGrpc(mesh.grpcPort('a'), { path: '/@b*60/~status=503:1in3/@c/x' });
    assert.deepEqual([failed.code, summaryOf(failed.reply).byStatus], [14, { 200: 40, 503: 20 }]);
  });

  test('repeated calls run one after another, or in parallel up to the concurrency of the plan', async () => {
    const timed = async (path: string): Promise<number> => (await callHttp(mesh.httpPort('a'), path)).durationMs ?? 0;
    assert.ok((await timed('/@b*6/~delay=30ms/x')) >= 6 * 29);
    const parallelMs = await timed('/@b*6;concurrency=6/~delay=300ms/x');
    assert.ok(parallelMs < 1500, String(parallelMs));
  });

  test('a summary counts calls without an answer by their error', async () => {
    const reply = await callHttp(mesh.httpPort('a'), '/@b*8/~close:0.5/x');
    const { byStatus, byAnswer, byVersion, byAttempt } = summaryOf(reply);
    // Each of the three pods counts its own requests.
    assert.equal(sum(byStatus), 8);
    assert.equal(sum(byAttempt), 8);
    assert.ok((byStatus?.reset ?? 0) > 0);
    assert.equal(byStatus?.reset, byAnswer?.nobody);
    assert.equal(sum(byVersion), byAnswer?.service);
    const refused = await callHttp(mesh.httpPort('a'), '/@127.0.0.1:1*3/x');
    assert.deepEqual([refused.status, summaryOf(refused).byStatus], [502, { refused: 3 }]);
  });

  test('calls to a foreign server can be repeated', async () => {
    await using foreign = await startForeignServer((_request, response) => response.end('hello'));
    const reply = await callHttp(mesh.httpPort('a'), `/@127.0.0.1:${foreign.port}*7/x`);
    assert.deepEqual([summaryOf(reply).byAnswer, foreign.requests.length], [{ foreign: 7 }, 7]);
  });

  test('a summary counts the retries of a repeated call by attempt', async () => {
    const reply = await callHttp(mesh.httpPort('a'), '/@c*10;retries=2/~status=503:0.5:attempt=1/x');
    assert.deepEqual(summaryOf(reply).byAttempt, { 1: 5, 2: 5 });
    assert.deepEqual(summaryOf(reply).byStatus, { 200: 10 });
  });

  test('a plan with more calls than the budget is refused before any call; repeats and retries count', async () => {
    for (const path of [
      '/@b*1001/x',
      '/@b*501;retries=1/x',
      '/@c*334/@b*2/x',
      '/@b*999999999/x',
      '/~body=a@b/@c/@b/@c,b*1000/x',
    ]) {
      const count = mesh.arrivals.length;
      const { status, error, calls } = await callHttp(mesh.httpPort('a'), path);
      assert.deepEqual([status, error?.code, calls], [400, 'limit_exceeded', undefined], path);
      // The offset of the call that exceeds the budget.
      assert.equal(error?.offset, path.startsWith('/~') ? 20 : 2, path);
      assert.equal(mesh.arrivals.length, count + 1, path);
    }
    const { status } = await callHttp(mesh.httpPort('a'), '/@c*333;concurrency=20/@b*2/x');
    assert.equal(status, 200);
  });

  test('a summary counts the calls before the deadline, and shows the number of calls that were not made', async () => {
    const reply = await callHttp(mesh.httpPort('a'), '/@b*100/~delay=100ms/x', { 'x-meshmock-deadline-ms': 1500 });
    const { count, unmade = 0, byStatus } = summaryOf(reply);
    assert.equal(count + unmade, 100);
    assert.ok(count > 2 && count < 20, String(count));
    assert.equal(sum(byStatus), count);
    assert.equal(reply.status, 504);
    const [call] = reply.calls ?? [];
    // Either the deadline of the callee, which reports it, or that of the caller passes first.
    assert.ok(call?.status === 504 || call?.error?.code === 'timeout', JSON.stringify(call));
  });

  test('a call that failed before the deadline determines the status: 502', async () => {
    const reply = await callHttp(mesh.httpPort('a'), '/@b*100/~delay=100ms/~status=503:1in2/x', {
      'x-meshmock-deadline-ms': 1500,
    });
    const [call] = reply.calls ?? [];
    assert.deepEqual([reply.status, call?.status, call?.error, call?.answeredBy], [502, 503, undefined, 'service']);
    assert.ok((summaryOf(reply).unmade ?? 0) > 80);
  });

  test('the signature of an answer without a body shows its version', async () => {
    const reply = await callHttp(mesh.httpPort('a'), '/@b*6/~status=204/x');
    assert.deepEqual([summaryOf(reply).byStatus, summaryOf(reply).byVersion], [{ 204: 6 }, { v1: 4, v2: 2 }]);
  });

  test('the text of a summary is one line with statuses, versions, pods and latencies', async () => {
    const { body } = await sendHttp(mesh.httpPort('a'), '/@b*6/~status=503:version=v2/x', {
      headers: { accept: 'text/plain' },
    });
    assert.match(
      body,
      /b:8080 \*6 +503 +[\d.]+ ms +\S+ +200 ×4, 503 ×2 · v1 ×4, v2 ×2 · b-v1-1 ×2, b-v1-2 ×2, b-v2-1 ×2 · p50 [\d.]+ p90 /,
    );
  });
});
