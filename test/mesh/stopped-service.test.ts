import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply } from '../../src/reply/reply.ts';
import { type Program, startProgram } from '../program.ts';
import { callGrpc, callHttp, treeOf } from '../running-mesh.ts';

suite('A service in the middle of a cascade that is stopped', { timeout: 120_000 }, () => {
  let up: Program;
  let http: number;
  let grpc: number;
  let pid: number;
  before(async () => {
    up = startProgram(['up', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--log-level', 'silent'], {
      OTEL_SDK_DISABLED: 'true',
    });
    const [, httpPort, grpcPort] = await up.printed(/gateway +http localhost:(\d+) +grpc localhost:(\d+)[\s\S]*Ctrl-C/);
    [http, grpc] = [Number(httpPort), Number(grpcPort)];
    pid = Number(/service2 .*pid (\d+)/.exec(up.stdout)?.[1]);
  });
  after(() => up[Symbol.asyncDispose]());

  const path = '/@service1/@service3|service2/@service4/x';
  const grpcPath = '/@grpc:service1/@service3|grpc:service2/@service4/x';

  function middle(reply: Reply | undefined) {
    const calls = reply?.calls?.[0]?.reply?.calls ?? [];
    const [sibling, stopped] = calls;
    assert.ok(sibling?.reply !== undefined);
    assert.equal(treeOf(sibling.reply), 'service3(service4)');
    return stopped;
  }

  /** Sends a request until its answer has the reply of service1: on a busy machine, that may come after its caller gave up. */
  async function answeredInTime<T>(send: () => Promise<T>, replyOf: (answer: T) => Reply | undefined): Promise<T> {
    let answer = await send();
    for (let tries = 1; tries < 6 && replyOf(answer)?.calls?.[0]?.reply === undefined; tries++) answer = await send();
    return answer;
  }

  test('SIGSTOP leads to 504 at the deadline, and the sibling is complete', async () => {
    await callHttp(http, path);
    await callHttp(http, grpcPath);
    process.kill(pid, 'SIGSTOP');
    try {
      for (const each of [path, grpcPath]) {
        const send = async (): Promise<Reply> => {
          const startedAt = performance.now();
          const reply = await callHttp(http, each, { 'x-meshmock-deadline-ms': '1000' });
          const tookMs = performance.now() - startedAt;
          assert.ok(tookMs > 850 && tookMs < 5000, `took ${tookMs} ms`);
          return reply;
        };
        const reply = await answeredInTime(send, (answer) => answer);
        assert.equal(reply.status, 504);
        assert.equal(middle(reply)?.error?.code, 'timeout');
      }
      const { code, reply } = await answeredInTime(
        () => callGrpc(grpc, { path: grpcPath }, { headers: { 'x-meshmock-deadline-ms': '1000' } }),
        (answer) => answer.reply,
      );
      assert.equal(code, 4);
      assert.equal(middle(reply)?.error?.code, 'timeout');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    assert.equal((await callHttp(http, path)).status, 200);
  });

  test('SIGTERM leads to a refused call and 502, the sibling is complete, and the mesh keeps running', async () => {
    process.kill(pid, 'SIGTERM');
    while (!up.stderr.includes('service2 has ended')) await sleep(10);
    const reply = await callHttp(http, path);
    assert.equal(reply.status, 502);
    assert.equal(middle(reply)?.error?.code, 'refused');
    const overGrpc = await callHttp(http, grpcPath);
    assert.equal(overGrpc.status, 502);
    assert.equal(middle(overGrpc)?.error?.code, 'refused');
    assert.equal((await callHttp(http, '/@service1/@service3/x')).status, 200);
  });
});
