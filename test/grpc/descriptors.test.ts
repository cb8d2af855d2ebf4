import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { Descriptors } from '../../src/grpc/messages/descriptors.ts';
import { runProgram } from '../program.ts';
import { callHttp, startMesh, type TestMesh } from '../running-mesh.ts';
import { orderOfEveryKind } from './order-of-every-kind.ts';
import { callShop, shopDefinition, shopProto } from './shop-client.ts';

const describedProto = path.join(import.meta.dirname, 'described.proto');

suite('A service with proto files', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh([
      { name: 'gateway', protoFiles: [shopProto] },
      { name: 'basket', protoFiles: [shopProto] },
      'plain',
    ]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const shop = (method: string, settings = {}) => callShop(mesh.grpcPort('basket'), method, settings);
  const body = (json: string) => ({ 'x-meshmock-plan': `/~body=${encodeURIComponent(json)}/x` });

  const items = '{"userId":"u","items":[{"productId":"p","quantity":3}]}';

  for (const method of ['Get', 'Fill', 'Watch'])
    test(`fills the fields of the message of ${method} from a body in JSON`, async () => {
      const { code, messages } = await shop(method, { headers: body(items) });
      assert.equal(code, status.OK);
      assert.deepEqual(JSON.parse(JSON.stringify(messages)), [
        { items: [{ productId: 'p', quantity: 3 }], userId: 'u' },
      ]);
    });

  test('answers each message of a bidirectional stream', async () => {
    const requests = Array.from({ length: 500 }, (_, index) => ({ productId: String(index) }));
    const { code, messages, reply } = await shop('Exchange', { requests, headers: body('{"product_id":"p"}') });
    assert.equal(code, status.OK);
    assert.equal(messages.length, 500);
    assert.deepEqual(JSON.parse(JSON.stringify(messages.at(-1))), { productId: 'p' });
    assert.equal(reply?.request?.messages, 500);
  });

  test('sends an answer of ~events with one message if the method has one, and else with the fields in each', async () => {
    const headers = { 'x-meshmock-plan': `/~body={}/~events=3/20ms/x` };
    for (const [method, count] of [
      ['Get', 1],
      ['Fill', 1],
      ['Watch', 3],
      ['Exchange', 3],
    ] as const) {
      const { code, messages } = await shop(method, { headers });
      assert.equal(code, status.OK, method);
      assert.equal(messages.length, count, method);
    }
  });

  test('shows the first message of the request as JSON', async () => {
    const { reply } = await shop('Fill', { requests: [{ productId: 'a', quantity: 2 }, { productId: 'b' }] });
    assert.deepEqual(JSON.parse(reply?.request?.message ?? ''), { productId: 'a', quantity: 2 });
    assert.equal(reply?.request?.messages, 2);
  });

  test('refuses a body that is not a message of the method, and names the field', async () => {
    for (const [json, expected] of [
      ['{"nothing":1}', 'nothing: shop.Items has no such field'],
      ['{"items":[{"quantity":"x"}]}', 'items[0].quantity: expected a whole number'],
      ['{"items":', 'the message is not JSON'],
    ] as const) {
      const { code, details, messages } = await shop('Get', { headers: body(json) });
      assert.equal(code, status.INVALID_ARGUMENT);
      assert.ok(details.startsWith(expected), details);
      assert.deepEqual(messages, []);
    }
  });

  test('sends an empty message without a body, and other bodies as a field that no type declares', async () => {
    for (const headers of [{}, { 'x-meshmock-plan': '/~size=1KB/x' }, { 'x-meshmock-plan': '/~body=hello/x' }]) {
      const { code, messages } = await shop('Get', { headers });
      assert.equal(code, status.OK);
      assert.deepEqual(JSON.parse(JSON.stringify(messages)), [{}]);
    }
  });

  test('calls a method with the message of the plan', async () => {
    const call = `/@grpc:basket/shop.Basket/Get${encodeURIComponent('{"userId":"u"}')}`;
    const { calls } = await callHttp(mesh.httpPort('gateway'), call);
    assert.equal(calls?.[0]?.reply?.request?.message, '{"userId":"u"}');
    assert.equal(calls?.[0]?.reply?.request?.uri, '/shop.Basket/Get');
    const wrong = await callHttp(
      mesh.httpPort('gateway'),
      `/@grpc:basket/shop.Basket/Get${encodeURIComponent('{"no":1}')}`,
    );
    assert.deepEqual(wrong.calls?.[0]?.error, { code: 'protocol', message: 'no: shop.GetRequest has no such field' });
    const unknown = await callHttp(mesh.httpPort('plain'), call);
    assert.match(unknown.calls?.[0]?.error?.message ?? '', /no proto file describes shop\.Basket\/Get.*--proto/);
  });

  test('keeps the connection to a server when a message for it does not fit its type', async () => {
    const peers: string[] = [];
    using foreign = await startForeignShop((call, respond) => {
      peers.push(call.getPeer());
      respond(null, {});
    });
    for (const message of ['{}', '{"no":1}', '{}']) {
      const target = `/@grpc:127.0.0.1:${foreign.port}/shop.Basket/Get${encodeURIComponent(message)}`;
      await callHttp(mesh.httpPort('gateway'), target);
    }
    assert.equal(peers.length, 2);
    assert.equal(peers[0], peers[1]);
  });

  test('shows the first message of a foreign server as JSON', async () => {
    using foreign = await startForeignShop((_call, respond) => respond(null, { userId: 'u', items: [] }));
    const { calls } = await callHttp(mesh.httpPort('gateway'), `/@grpc:127.0.0.1:${foreign.port}/shop.Basket/Get`);
    assert.deepEqual([calls?.[0]?.answeredBy, calls?.[0]?.body], ['foreign', '{"userId":"u"}']);
  });
});

/** Starts a server that is not a meshmock, with the method `Get` of `shop.Basket`. */
async function startForeignShop(get: handleUnaryCall<object, object>): Promise<Disposable & { readonly port: number }> {
  const server = new Server();
  server.addService(shopDefinition, { Get: get, Fill: get, Watch: () => {}, Exchange: () => {} });
  const port = await new Promise<number>((resolve) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
  );
  return { port, [Symbol.dispose]: () => server.forceShutdown() };
}

suite('Messages as JSON', () => {
  const method = new Descriptors([describedProto]).method('shop.v2.Stock/Take');

  test('fields of every kind are the same after they are encoded and decoded', () => {
    const bytes = method?.encodeAnswer(JSON.stringify(orderOfEveryKind)) ?? Buffer.alloc(0);
    assert.deepEqual(JSON.parse(method?.decodeAnswer(bytes) ?? ''), orderOfEveryKind);
  });

  test('names of the proto file, numbers as texts, and null are accepted', () => {
    const bytes = method?.encodeRequest('{"order_id":"o","price":"NaN","large":5,"count":"7","size":1,"note":null}');
    assert.deepEqual(JSON.parse(method?.decodeRequest(bytes ?? Buffer.alloc(0)) ?? ''), {
      orderId: 'o',
      price: 'NaN',
      large: '5',
      count: 7,
      size: 'LARGE',
    });
  });

  test('a wrong value is an error that names the field', () => {
    for (const [json, expected] of [
      ['{"orderId":1}', 'orderId: expected a text'],
      ['{"isPaid":"yes"}', 'isPaid: expected true or false'],
      ['{"size":"HUGE"}', 'size: expected one of SMALL, LARGE'],
      ['{"size":"toString"}', 'size: expected one of SMALL, LARGE'],
      ['{"items":{}}', 'items: expected a list'],
      ['{"itemsByName":{"a":1}}', 'itemsByName.a: expected an object of the type shop.Item'],
      ['{"count":5000000000}', 'count: expected a whole number from -2147483648 to 2147483647'],
      ['{"at":"today"}', 'at: expected an object of the type google.protobuf.Timestamp'],
      ['[]', 'the message: expected an object of the type shop.v2.Order'],
    ] as const)
      assert.throws(() => method?.encodeRequest(json), { code: 'bad_request', message: expected });
  });

  test('bytes that are not a message have no JSON', () => {
    assert.equal(method?.decodeRequest(Buffer.from([0x0a, 0xff])), undefined);
  });

  test('a name of another package, or of an object, is not a method', () => {
    const descriptors = new Descriptors([describedProto]);
    for (const name of ['Stock/Take', 'v2.Stock/Take', 'shop.v2.Stock/toString', 'shop.v2.Order/Take', '', '/'])
      assert.equal(descriptors.method(name), undefined, name);
  });
});

suite('--proto', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'meshmock-proto-'));
  });
  after(() => rm(folder, { recursive: true }));

  test('takes the files of a folder, without copies of packages that a service has itself', async () => {
    await writeFile(path.join(folder, 'health.proto'), 'syntax = "proto3"; package grpc.health.v1; message A {}');
    await writeFile(
      path.join(folder, 'own.proto'),
      'syntax = "proto3"; package own; service S { rpc M(A) returns (A); } message A {}',
    );
    const descriptors = new Descriptors([folder, shopProto]);
    assert.ok(descriptors.method('own.S/M') !== undefined);
    assert.ok(descriptors.method('shop.Basket/Get') !== undefined);
    await rm(path.join(folder, 'health.proto'));
    await rm(path.join(folder, 'own.proto'));
  });

  test("takes a folder with copies of Google's annotations below it", async () => {
    const copies = path.join(folder, 'third_party/google/api');
    await mkdir(copies, { recursive: true });
    const ours = path.dirname(fileURLToPath(import.meta.resolve('protobufjs/google/api/http.proto')));
    for (const file of ['annotations.proto', 'http.proto'])
      await copyFile(path.join(ours, file), path.join(copies, file));
    const shop = path.join(folder, 'annotated.proto');
    await writeFile(
      shop,
      `syntax = "proto3"; package annotated; import "google/api/annotations.proto"; message A {}
      service S { rpc M(A) returns (A) { option (google.api.http) = { get: "/a" }; } }`,
    );
    assert.ok(new Descriptors([folder]).method('annotated.S/M') !== undefined);
    assert.ok(new Descriptors([shop]).method('annotated.S/M') !== undefined, 'without copies');
    await rm(path.join(folder, 'third_party'), { recursive: true });
    await rm(shop);
  });

  test('says which file is wrong', async () => {
    const wrong = path.join(folder, 'wrong.proto');
    const errorOf = async (text: string): Promise<string> => {
      await writeFile(wrong, text);
      return thrownBy(wrong);
    };
    assert.equal(thrownBy('/none.proto'), 'usage --proto: /none.proto does not exist');
    assert.equal(thrownBy(folder), `usage --proto: the folder ${folder} has no .proto file`);
    assert.match(await errorOf('syntax = "proto3"; message {'), /^usage --proto: \S+wrong\.proto: illegal/);
    assert.equal(
      await errorOf('syntax = "proto3"; import "other.proto";'),
      `usage --proto: the import other.proto is not in ${folder}: add its folder with --proto`,
    );
    assert.match(
      await errorOf('syntax = "proto3"; message A { Missing b = 1; }'),
      /^usage --proto: \S+wrong\.proto: no such Type or Enum 'Missing'/,
    );
    const { code, stderr } = await runProgram(['serve', '--http', ':0', '--grpc', ':0', '--proto', wrong]);
    assert.equal(code, 2);
    assert.match(stderr, /^meshmock: --proto: \S+wrong\.proto: no such/);
  });
});

/** Returns the error of a path of `--proto`. */
function thrownBy(name: string): string {
  try {
    new Descriptors([name]);
    return 'no error';
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code} ${message}`;
  }
}
