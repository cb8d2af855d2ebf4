import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { parsePath } from '../../src/plan/parse.ts';
import { toMessage } from '../../src/plan/to-message.ts';
import type { Reply } from '../../src/reply/reply.ts';
import { orderOfEveryKind } from '../grpc/order-of-every-kind.ts';
import { callHttp, startMesh, type TestMesh, treeOf } from '../running-mesh.ts';
import { type Grpcurl, grpcurl } from './tools.ts';

const method = 'meshmock.v1.MeshMock/Call';

suite('grpcurl without a proto file', { timeout: 240_000 }, () => {
  let mesh: TestMesh;
  let run: Grpcurl;
  let address: string;
  before(async () => {
    run = await grpcurl();
    mesh = await startMesh(['gateway', 'service1', 'service2', 'service3', 'service4']);
    mesh.dialler.add({ host: '', port: '8081', toHost: '127.0.0.1', toPort: String(mesh.httpPort('service2')) });
    address = `127.0.0.1:${mesh.grpcPort('gateway')}`;
  });
  after(() => mesh[Symbol.asyncDispose]());

  test('Reflection lists and describes the services, and the health check succeeds', async () => {
    assert.deepEqual((await run(address, 'list')).stdout.split('\n').filter(Boolean), [
      'grpc.health.v1.Health',
      'meshmock.v1.MeshMock',
    ]);
    const { stdout } = await run(address, 'describe', 'meshmock.v1.MeshMock');
    assert.match(stdout, /rpc Call \( \.meshmock\.v1\.CallRequest \) returns \( \.meshmock\.v1\.Reply \);/);
    const reply = (await run(address, 'describe', 'meshmock.v1.Reply')).stdout;
    assert.match(reply, /optional double duration_ms = 11;/);
    const request = (await run(address, 'describe', 'meshmock.v1.Request')).stdout;
    assert.match(request, /map<string, string> headers = 4;/);
    assert.match((await run(address, 'grpc.health.v1.Health/Check')).stdout, /"status": "SERVING"/);
  });

  const paths = [
    '/service/calls/@service3/',
    '/@service1/the-end',
    '/@service1:8081/the-end',
    '/@service1/@service2/@service3/',
    '/@service1/service2',
    '/@service1,service2/uri-reuse/',
    '/@service1|service2/uri-reuse/',
    '/@service1|service2/@service3|service4/uri/',
    '/@service1[n1=v1]/@service2:8081[n2=v2][n3=v3]/',
    '/@grpc:service1/@service2|grpc:service3/x',
    '/@service1(/@grpc:service3/x)|service2(/@service4/y)',
  ];
  for (const path of paths) {
    test(`The answer to ${path}, as a path and as a plan, is the same as over HTTP`, async () => {
      const overHttp = treeOf(await callHttp(mesh.httpPort('gateway'), path));
      for (const request of [{ path }, { plan: toMessage(parsePath(path)) }]) {
        const { stdout, stderr } = await run('-d', JSON.stringify(request), address, method);
        assert.equal(stderr, '');
        assert.equal(treeOf(JSON.parse(stdout) as Reply), overHttp);
      }
    });
  }

  test('The JSON has the same fields as over HTTP, with numbers and zeros', async () => {
    const { stdout } = await run('-d', '{"path":"/@service1/x"}', address, method);
    const [call] = (JSON.parse(stdout) as Reply).calls ?? [];
    const [httpCall] = (await callHttp(mesh.httpPort('gateway'), '/@service1/x')).calls ?? [];
    assert.deepEqual(Object.keys(call ?? {}).sort(), Object.keys(httpCall ?? {}).sort());
    assert.equal(call?.stage, 0);
    assert.equal(typeof call?.durationMs, 'number');
  });

  test('Directives, repeats and retries give their statuses, metadata and counts', async () => {
    const call = (path: string, ...flags: string[]): ReturnType<typeof run> =>
      run(...flags, '-d', JSON.stringify({ path }), address, method);
    assert.match((await call('/~grpc-status=RESOURCE_EXHAUSTED/x')).stderr, /Code: ResourceExhausted/);
    assert.match((await call('/~close/x')).stderr, /Code: Unavailable/);
    assert.match((await call('/~header[x-cache=hit]/x', '-v')).stdout, /^x-cache: hit$/m);
    const { calls } = JSON.parse((await call('/@grpc:service1*20;concurrency=4/x')).stdout) as Reply;
    assert.deepEqual(calls?.[0]?.summary?.byStatus, { 200: 20 });
    const failed = await call('/@service1*20;concurrency=4;retries=1/~status=503:0.25/x');
    assert.match(failed.stderr, /Code: Unavailable/);
    assert.match(failed.stderr, /"byStatus": \{\s*"200": 1\d,\s*"503": \d/);
  });

  test('A failure is a gRPC status with the tree in its details', async () => {
    const { code, stderr } = await run('-d', '{"path":"/@service1/@127.0.0.1:1/x"}', address, method);
    assert.notEqual(code, 0);
    assert.match(stderr, /Code: Unavailable/);
    assert.match(stderr, /"@type": "type\.googleapis\.com\/meshmock\.v1\.Reply"/);
    assert.match(stderr, /"code": "refused"/);
  });
});

suite('grpcurl with methods that meshmock does not have', { timeout: 240_000 }, () => {
  const folder = path.join(import.meta.dirname, '../grpc');
  const unseen = ['-import-path', folder, '-proto', 'shop.proto'];
  const methods = ['Get', 'Fill', 'Watch', 'Exchange'];
  let mesh: TestMesh;
  let run: Grpcurl;
  before(async () => {
    run = await grpcurl();
    mesh = await startMesh(['plain', { name: 'described', protoFiles: [path.join(folder, 'described.proto')] }]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const plain = () => `127.0.0.1:${mesh.grpcPort('plain')}`;
  const described = () => `127.0.0.1:${mesh.grpcPort('described')}`;

  for (const method of methods)
    test(`shop.Basket/${method} of a proto file that the mock has never seen is answered with an empty message`, async () => {
      const { stdout, stderr } = await run(...unseen, '-d', '{}', plain(), `shop.Basket/${method}`);
      assert.equal(stderr, '');
      assert.equal(stdout, '{}\n');
    });

  test('a stream of requests is answered once, and the plan in a header applies', async () => {
    const header = 'x-meshmock-plan: /~delay=1ms/~size=2KB/x';
    const { stdout, stderr } = await run('-H', header, ...unseen, '-d', '{}{}{}', plain(), 'shop.Basket/Exchange');
    assert.equal(stderr, '');
    assert.equal(stdout, '{}\n');
    const failed = await run('-H', 'x-meshmock-plan: /~grpc-status=ABORTED/x', ...unseen, plain(), 'shop.Basket/Get');
    assert.match(failed.stderr, /Code: Aborted/);
  });

  test('with the proto file, a service describes its methods, and fills the fields', async () => {
    const { stdout: list } = await run(described(), 'list');
    assert.deepEqual(list.split('\n').filter(Boolean).sort(), [
      'grpc.health.v1.Health',
      'meshmock.v1.MeshMock',
      'shop.Basket',
      'shop.v2.Stock',
    ]);
    const json = JSON.stringify(orderOfEveryKind);
    const header = `x-meshmock-plan: /~body=${encodeURIComponent(json)}/x`;
    const { stdout, stderr } = await run('-H', header, '-d', json, described(), 'shop.v2.Stock/Take');
    assert.equal(stderr, '');
    assert.deepEqual(JSON.parse(stdout), orderOfEveryKind);
    const exchanged = await run(
      '-H',
      'x-meshmock-plan: /~body={}/x',
      '-d',
      '{}{}{}',
      described(),
      'shop.Basket/Exchange',
    );
    assert.equal(exchanged.stdout, '{}\n{}\n{}\n');
  });

  test('a mock knows the messages of a server whose proto files grpcurl has recorded', async (context) => {
    const recorded = mkdtempSync(path.join(tmpdir(), 'meshmock-recorded-'));
    context.after(() => rmSync(recorded, { recursive: true }));
    await run('-proto-out-dir', recorded, described(), 'describe', 'shop.v2.Stock');
    const other = await startMesh([{ name: 'other', protoFiles: [recorded] }]);
    context.after(() => other[Symbol.asyncDispose]());
    const json = JSON.stringify(orderOfEveryKind);
    const header = `x-meshmock-plan: /~body=${encodeURIComponent(json)}/x`;
    const address = `127.0.0.1:${other.grpcPort('other')}`;
    const { stdout, stderr } = await run('-H', header, '-d', json, address, 'shop.v2.Stock/Take');
    assert.equal(stderr, '');
    assert.deepEqual(JSON.parse(stdout), orderOfEveryKind);
  });
});
