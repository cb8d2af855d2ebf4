import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { encodeRequest } from '../../src/grpc/codec.ts';
import { callMethod, type Reply } from '../../src/reply/reply.ts';
import { callGrpc, callHttp, startForeignServer, startMesh, type TestMesh, treeOf } from '../running-mesh.ts';

suite('Call over gRPC', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['gateway', 'service1', 'service2']);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const gateway = (request: object, options = {}) => callGrpc(mesh.grpcPort('gateway'), request, options);

  test('an answer is signed', async () => {
    const { metadata, reply } = await gateway({ path: '/x' });
    assert.deepEqual(metadata.get('x-meshmock'), ['gateway/v1']);
    assert.equal(reply?.body, 'gateway v1 answers Call /x');
  });

  test('metadata arrives as headers, and secrets are redacted', async () => {
    const { reply } = await gateway(
      { path: '/@grpc:service1/@service2/x' },
      { headers: { 'end-user': 'jason', authorization: 'Bearer x', other: 'stays' } },
    );
    const [first] = reply?.calls ?? [];
    const [second] = first?.reply?.calls ?? [];
    for (const received of [first?.reply?.request?.headers, second?.reply?.request?.headers]) {
      assert.equal(received?.['end-user'], 'jason');
      assert.equal(received?.authorization, '[redacted]');
      assert.equal(received?.other, undefined);
    }
  });

  test('an empty request is an error that says what to send', async () => {
    const { code, details } = await gateway({});
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.match(details, /\{"path"/);
  });

  /** Sends a request as raw bytes, and returns the error of the call. */
  async function sendBytes(request: Buffer): Promise<{ code: number; details: string }> {
    const client = new Client(`127.0.0.1:${mesh.grpcPort('gateway')}`, credentials.createInsecure());
    const bytes = (buffer: Buffer): Buffer => buffer;
    try {
      return await new Promise((resolve, reject) => {
        client.makeUnaryRequest(`/${callMethod}`, bytes, bytes, request, new Metadata(), {}, (failure) =>
          failure === null ? reject(new Error('answered')) : resolve(failure),
        );
      });
    } finally {
      client.close();
    }
  }

  test('bytes that are not a request are an error', async () => {
    const error = await sendBytes(Buffer.from([0x0a, 0xff]));
    assert.equal(error.code, status.INVALID_ARGUMENT);
    assert.match(error.details, /not a meshmock\.v1\.CallRequest/);
  });

  test('a path that is not a plan is INVALID_ARGUMENT, with offset and caret in the details', async () => {
    const { code, reply } = await gateway({ path: '/@service1[x/' });
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.equal(reply?.error?.offset, 10);
    assert.equal(reply?.error?.caret?.length, 2);
  });

  test('an invalid plan is INVALID_ARGUMENT, with the path of the field', async () => {
    const { code, reply } = await gateway({ plan: { stages: [{ calls: [{ host: 'a' }, { host: 'b b' }] }] } });
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.equal(reply?.error?.field, 'plan.stages[0].calls[1].host');
  });

  test('a message nested 5,000 deep is an error', async () => {
    // Field 3 of a Plan is `then`, and field 1 of a CallRequest is the plan. Both are length-delimited.
    const wrap = (field: number, inner: Buffer): Buffer =>
      Buffer.concat([Buffer.from([field * 8 + 2, ...varint(inner.length)]), inner]);
    let plan: Buffer = Buffer.alloc(0);
    for (let depth = 0; depth < 5000; depth++) plan = wrap(3, plan);
    const error = await sendBytes(wrap(1, plan));
    assert.equal(error.code, status.INVALID_ARGUMENT);
    assert.equal((await gateway({ path: '/x' })).code, status.OK);
  });

  test('a failed call results in a gRPC status whose details hold the tree', async () => {
    const { code, reply } = await gateway({ path: '/@grpc:service1/@grpc:127.0.0.1:1|grpc:service2/x' });
    assert.equal(code, status.UNAVAILABLE);
    assert.equal(reply?.status, 502);
    const [first] = reply?.calls ?? [];
    assert.equal(first?.grpcStatus, 'UNAVAILABLE');
    const [refused, whole] = first?.reply?.calls ?? [];
    assert.equal(refused?.error?.code, 'refused');
    assert.equal(whole?.reply?.service, 'service2');
  });

  test('a service that starts again is reached by the next call', async () => {
    await using other = await startMesh(['late']);
    const port = other.grpcPort('late');
    await other.services.get('late')?.stop();
    const { reply: refused } = await gateway({ path: `/@grpc:127.0.0.1:${port}/x` });
    assert.equal(refused?.calls?.[0]?.error?.code, 'refused');
    const server = new Server();
    await new Promise((resolve) => server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), resolve));
    try {
      const { reply } = await gateway({ path: `/@grpc:127.0.0.1:${port}/x` });
      assert.equal(reply?.calls?.[0]?.answeredBy, 'foreign');
    } finally {
      server.forceShutdown();
    }
  });

  test('a reply shows the status and the message of a gRPC server without Call', async () => {
    const server = new Server();
    const port = await new Promise<number>((resolve) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
    );
    try {
      const reply = await callHttp(mesh.httpPort('gateway'), `/@grpc:127.0.0.1:${port}/x`);
      const [call] = reply.calls ?? [];
      assert.equal(reply.status, 200);
      assert.equal(call?.answeredBy, 'foreign');
      assert.equal(call?.grpcStatus, 'UNIMPLEMENTED');
      assert.equal(call?.status, 501);
      assert.match(call?.body ?? '', /does not implement/);
    } finally {
      server.forceShutdown();
    }
  });

  test('the tree in the details is pruned for a caller with a small limit, and marked; a meshmock gets more', async () => {
    const leaves = Array.from({ length: 60 }, () => 'service2').join('|');
    const { reply } = await gateway({ path: `/@grpc:service1/@${leaves}|127.0.0.1:1/x` });
    const [first] = reply?.calls ?? [];
    assert.equal(first?.reply?.status, 502);
    assert.equal(first?.reply?.prunedCalls, 61);
    const overHttp = await callHttp(mesh.httpPort('gateway'), `/@grpc:service1/@${leaves}|127.0.0.1:1/x`);
    assert.equal(overHttp.calls?.[0]?.reply?.calls?.length, 61);
  });

  test('the deadline of the protocol limits the cascade', async () => {
    await using slow = await startForeignServer(() => {});
    const tree = `gateway(service1(127.0.0.1:${slow.port}))`;
    const send = async (tries = 12): Promise<Reply | undefined> => {
      const startedAt = performance.now();
      const path = `/@grpc:service1/@127.0.0.1:${slow.port}/x`;
      const { code, reply } = await gateway({ path }, { deadlineMs: 2000 });
      assert.ok(performance.now() - startedAt < 8000);
      assert.equal(code, status.DEADLINE_EXCEEDED);
      // Client and services share this process. If it waits for a core, a deadline may pass before an answer is read.
      const isWhole = reply !== undefined && treeOf(reply) === tree;
      return isWhole || tries === 1 ? reply : send(tries - 1);
    };
    const reply = await send();
    assert.ok(reply !== undefined);
    assert.equal(treeOf(reply), tree);
  });

  test('a caller that cancels ends the calls below, in every service', async () => {
    await using slow = await startForeignServer(() => {});
    const target = `127.0.0.1:${slow.port}`;
    const client = new Client(`127.0.0.1:${mesh.grpcPort('gateway')}`, credentials.createInsecure());
    const ended = Promise.withResolvers<void>();
    const path = `/@grpc:service1|grpc:service2/@${target}|${target}/x`;
    const call = client.makeUnaryRequest(
      `/${callMethod}`,
      encodeRequest,
      (bytes) => bytes,
      { path },
      () => ended.resolve(),
    );
    try {
      while (slow.open < 4) await sleep(5);
      call.cancel();
      await ended.promise;
      // Long before the deadline of the requests, 15 s.
      const endAt = performance.now() + 5000;
      while (slow.open > 0 && performance.now() < endAt) await sleep(5);
      assert.equal(slow.open, 0);
    } finally {
      client.close();
    }
  });

  test('a failure at the end of the longest chain arrives, whole or pruned, and the services keep running', async () => {
    const chain = `${'/@grpc:gateway'.repeat(49)}/@gateway|127.0.0.1:1/x`;
    const { code, reply } = await gateway({ path: chain });
    assert.equal(code, status.UNAVAILABLE);
    assert.equal(reply?.service, 'gateway');
    const overHttp = await callHttp(mesh.httpPort('gateway'), `${'/@grpc:gateway'.repeat(49)}/@gateway/x`);
    assert.equal(overHttp.status, 200);
    const nested = `${'/@grpc:gateway('.repeat(40)}/x${')'.repeat(40)}`;
    const { plan } = (await callHttp(mesh.httpPort('gateway'), `/-/plan${nested}`)) as unknown as { plan: object };
    assert.equal((await gateway({ plan })).code, status.OK);
  });

  test('a stage may have more targets than the pool has channels', async () => {
    await using own = await startMesh(['gateway', 'service1'], { deadlineMs: 60_000 });
    own.dialler.add({ host: '', port: '7777', toHost: '127.0.0.1', toPort: String(own.grpcPort('service1')) });
    const targets = Array.from({ length: 700 }, (_, index) => `grpc:host${index}:7777`).join('|');
    const reply = await callHttp(own.httpPort('gateway'), `/@${targets}/x`);
    assert.deepEqual(
      reply.calls?.filter(({ error }) => error !== undefined),
      [],
    );
  });

  test('a host in a message cannot contain another plan', async () => {
    const { code, reply } = await gateway({ plan: { stages: [{ calls: [{ scheme: 'grpc', host: '::1]:1/x?:' }] }] } });
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.equal(reply?.error?.field, 'plan.stages[0].calls[0].host');
  });

  test('health is SERVING for the server and for the service', async () => {
    const { loadPackageDefinition } = await import('@grpc/grpc-js');
    const { loadSync } = await import('@grpc/proto-loader');
    const { protoPath } = await import('grpc-health-check');
    // biome-ignore lint/suspicious/noExplicitAny: grpc-js makes untyped objects of a proto file at run time
    const { grpc: loaded } = loadPackageDefinition(loadSync(protoPath)) as any;
    const client = new loaded.health.v1.Health(`127.0.0.1:${mesh.grpcPort('gateway')}`, credentials.createInsecure());
    try {
      for (const service of ['', 'meshmock.v1.MeshMock']) {
        const answer = await new Promise((resolve, reject) =>
          client.Check({ service }, (error: Error | null, response: unknown) =>
            error === null ? resolve(response) : reject(error),
          ),
        );
        assert.equal((answer as { status: number }).status, 1);
      }
    } finally {
      client.close();
    }
  });
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}
