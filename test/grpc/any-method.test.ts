import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { parseUpstream } from '../../src/execute/octopus.ts';
import { parseDirectives } from '../../src/plan/parse.ts';
import { answered, fails, holds, unknown, verdicts } from '../expect/verdicts.ts';
import { callHttp, startMesh, type TestMesh } from '../running-mesh.ts';
import { callPath, callShop } from './shop-client.ts';

const three = [{ productId: 'a' }, { productId: 'b' }, { productId: 'c' }];

suite('A gRPC method that a mock does not know', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh([
      'basket',
      { name: 'sick', behaviour: parseDirectives('/~grpc-status=NOT_FOUND') },
      { name: 'proxy', role: { kind: 'proxy', upstream: parseUpstream('http://basket:8080') } },
    ]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const shop = (method: string, settings = {}, service = 'basket') =>
    callShop(mesh.grpcPort(service), method, settings);

  for (const [method, kind, requests] of [
    ['Get', 'unary', [{ userId: 'u' }]],
    ['Watch', 'server-streaming', [{ userId: 'u' }]],
    ['Fill', 'client-streaming', three],
    ['Exchange', 'bidirectional', three],
  ] as const) {
    test(`is answered with one empty message if it is ${kind}, and the reply is in the trailers`, async () => {
      const { code, messages, metadata, reply } = await shop(method, { requests });
      assert.equal(code, status.OK);
      assert.equal(messages.length, 1);
      assert.deepEqual(metadata.get('x-meshmock'), ['basket/v1']);
      assert.equal(reply?.status, 200);
      assert.equal(reply?.body, `basket v1 answers shop.Basket/${method}`);
      assert.equal(reply?.request?.method, `shop.Basket/${method}`);
      assert.equal(reply?.request?.uri, `/shop.Basket/${method}`);
      assert.equal(reply?.request?.messages, requests.length);
      assert.equal(reply?.request?.messageBytes, 3 * requests.length);
    });
  }

  for (const method of ['Fill', 'Exchange'])
    test(`${method} is answered if its client sends no message`, async () => {
      const { code, messages, reply } = await shop(method, { requests: [] });
      assert.equal(code, status.OK);
      assert.equal(messages.length, 1);
      assert.equal(reply?.request?.messages, 0);
    });

  test('a client that waits for a message before it ends its request gets one', async () => {
    const { messages, code } = await shop('Exchange', { isHeldOpen: true, deadlineMs: 2000 });
    assert.equal(messages.length, 1);
    assert.equal(code, status.DEADLINE_EXCEEDED);
  });

  for (const method of ['Get', 'Fill', 'Watch', 'Exchange'])
    test(`${method} follows the plan in its metadata`, async () => {
      const plan = '/~delay=50ms/~grpc-status=ABORTED/~header[x-one=1]/x';
      const { code, messages, reply } = await shop(method, { headers: { 'x-meshmock-plan': plan } });
      assert.equal(code, status.ABORTED);
      assert.deepEqual(messages, []);
      assert.equal(reply?.status, 409);
      assert.ok((reply?.durationMs ?? 0) >= 49);
      const added = await shop(method, { headers: { 'x-meshmock-plan': '/~header[x-one=1]/x' } });
      assert.deepEqual(added.metadata.get('x-one'), ['1']);
    });

  test('a plan in metadata calls other services, and the reply has their replies', async () => {
    const { code, reply } = await shop('Get', { headers: { 'x-meshmock-plan': '/@basket|grpc:basket/y' } });
    assert.equal(code, status.OK);
    assert.deepEqual(
      reply?.calls?.map((call) => call.reply?.body),
      ['basket v1 answers GET /y', 'basket v1 answers Call /y'],
    );
  });

  test('a plan in metadata that is wrong is INVALID_ARGUMENT, with its place', async () => {
    const { code, details, reply } = await shop('Get', { headers: { 'x-meshmock-plan': '/@a,|/x' } });
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.match(details, /at offset 4/);
    assert.equal(reply?.error?.offset, 4);
  });

  test('secrets in a plan in metadata are not shown', async () => {
    const { reply } = await shop('Get', { headers: { 'x-meshmock-plan': '/@basket[authorization=abc]/x' } });
    assert.doesNotMatch(JSON.stringify(reply), /abc/);
  });

  test('a body of a directive is in a field that no type declares, so that each client can read the message', async () => {
    const { code, messages, reply } = await shop('Get', { headers: { 'x-meshmock-plan': '/~size=20KB/x' } });
    assert.equal(code, status.OK);
    assert.equal(messages.length, 1);
    assert.equal(reply?.service, 'basket');
  });

  test('a reset by a directive is UNAVAILABLE', async () => {
    const { code, trailers } = await shop('Exchange', { headers: { 'x-meshmock-plan': '/~close/x' } });
    assert.equal(code, status.UNAVAILABLE);
    assert.deepEqual(trailers.get('x-meshmock-reset'), ['1']);
  });

  test('the directives of a service apply', async () => {
    const { code, reply } = await shop('Fill', {}, 'sick');
    assert.equal(code, status.NOT_FOUND);
    assert.equal(reply?.service, 'sick');
  });

  test('the upstream of a proxy is called', async () => {
    const { code, reply } = await shop('Get', {}, 'proxy');
    assert.equal(code, status.OK);
    assert.equal(reply?.calls?.[0]?.reply?.request?.uri, '/shop.Basket/Get');
  });

  test('the deadline of the protocol limits the plan', async () => {
    const { code } = await shop('Get', { headers: { 'x-meshmock-plan': '/~hang/x' }, deadlineMs: 300 });
    assert.equal(code, status.DEADLINE_EXCEEDED);
  });

  test('the deadline counts from the arrival of the call, also if its first message comes late', async () => {
    const startedAt = performance.now();
    const settings = { sendAfterMs: 1500, isHeldOpen: true, deadlineMs: 4000 };
    const { code, reply } = await shop('Exchange', settings);
    assert.equal(code, status.DEADLINE_EXCEEDED);
    assert.ok(performance.now() - startedAt >= 3500, `${performance.now() - startedAt} ms`);
    const [, limitMs] = /did not end within (\d+) ms/.exec(reply?.error?.message ?? '') ?? [];
    // From its first message on, the call has 2500 ms.
    assert.ok(Number(limitMs) > 2600 && Number(limitMs) < 4000, `${limitMs} ms`);
  });

  test('methods of the own service, of health and of reflection, and other paths, are not answered', async () => {
    for (const path of [
      '/meshmock.v1.MeshMock/Other',
      '/meshmock.v1.Other/Call',
      '/grpc.health.v1.Health/Other',
      '/grpc.reflection.v1.ServerReflection/Other',
      '/*',
      '/',
      '/shop.Basket',
      '/shop.Basket/Get/',
      '/shop.Basket/Get?x=1',
      '/@basket/x',
      '/shop..Basket/Get',
    ])
      assert.equal((await callPath(mesh.grpcPort('basket'), path)).code, status.UNIMPLEMENTED, path);
    for (const path of ['/Basket/get', '/a.b.c_d.Basket1/Get_2'])
      assert.equal((await callPath(mesh.grpcPort('basket'), path)).code, status.OK, path);
  });

  for (const [method, directive] of [
    ['Watch', 'chunks'],
    ['Watch', 'events'],
    ['Exchange', 'events'],
  ] as const)
    test(`${method} sends one message in each interval of ~${directive}, and then the reply`, async () => {
      const plan = `/~body=text/~${directive}=4/60ms/x`;
      const startedAt = performance.now();
      const { code, messages, reply } = await shop(method, { requests: three, headers: { 'x-meshmock-plan': plan } });
      assert.ok(performance.now() - startedAt >= 179);
      assert.equal(code, status.OK);
      assert.equal(messages.length, 4);
      assert.deepEqual(reply?.behaviour, ['body=text', `${directive}=4/60ms`]);
    });

  test('a caller shows the messages of an answer and the time to the first one, and expectations can check them', async () => {
    const path = '/@grpc:basket/~delay=30ms/~chunks=3/150ms/shop.Basket/Watch';
    const reply = await callHttp(mesh.httpPort('basket'), path);
    const [call] = reply.calls ?? [];
    assert.equal(call?.stream?.chunks, 3);
    assert.ok((call?.stream?.firstByteMs ?? 0) >= 29, `${call?.stream?.firstByteMs} ms`);
    assert.ok((call?.durationMs ?? 0) >= (call?.stream?.firstByteMs ?? 0) + 100, JSON.stringify(call?.stream));
    for (const [expectation, verdict] of [
      ['basket chunks = 3', holds],
      ['basket chunks = 4', fails],
      ['basket first-byte min >= 29ms', holds],
      ['basket trailer x-sum exists = 0', unknown],
    ] as const)
      assert.deepEqual(verdicts(expectation, answered(reply)), verdict, expectation);
  });

  test('a request whose deadline ends with its messages causes no warning of a negative time', async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', onWarning);
    // Many at once, so that the last message of some is late.
    const path = '/@grpc:basket*40;timeout=20ms(/~events=4/5ms/shop.Basket/Watch)';
    await Promise.all(Array.from({ length: 12 }, () => callHttp(mesh.httpPort('basket'), path)));
    await sleep(100);
    process.off('warning', onWarning);
    assert.deepEqual(warnings, []);
  });

  test('messages stay within the deadline and the size of a body, and end with their client', async () => {
    const slow = { headers: { 'x-meshmock-plan': '/~events=100/100ms/x' }, deadlineMs: 1500 };
    const late = await shop('Watch', slow);
    assert.equal(late.code, status.DEADLINE_EXCEEDED);
    assert.ok(late.messages.length >= 1 && late.messages.length <= 16, `${late.messages.length} messages`);
    for (const directive of ['chunks', 'events']) {
      const plan = `/~size=1MB/~${directive}=11/1ms/x`;
      const large = await shop('Watch', { headers: { 'x-meshmock-plan': plan } });
      assert.equal(large.code, status.INVALID_ARGUMENT, large.details);
      assert.match(large.details, /the messages have 11000000 bytes, and --max-size is 10000000/);
    }
    const whole = await shop('Watch', { headers: { 'x-meshmock-plan': '/~size=1MB/~events=10/1ms/x' } });
    assert.equal(whole.messages.length, 10);
  });
});
