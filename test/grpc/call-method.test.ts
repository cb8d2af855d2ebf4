import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type handleUnaryCall, Server, ServerCredentials, status, type UntypedHandleCall } from '@grpc/grpc-js';
import { runProgram } from '../program.ts';
import { callHttp, startMesh, type TestMesh } from '../running-mesh.ts';
import { shopDefinition } from './shop-client.ts';

interface ForeignShop extends Disposable {
  readonly port: number;
}

/** Starts a server of `shop.Basket` that is not a meshmock. */
async function startShop(handlers: Readonly<Record<string, UntypedHandleCall>>): Promise<ForeignShop> {
  const server = new Server();
  server.addService(shopDefinition, handlers);
  const port = await new Promise<number>((resolve) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
  );
  return { port, [Symbol.dispose]: () => server.forceShutdown() };
}

suite('A call of a gRPC method by its path', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['gateway', 'basket']);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const gateway = (path: string) => callHttp(mesh.httpPort('gateway'), path);

  test('calls this method, and its reply is in the tree', async () => {
    const { status: code, calls } = await gateway('/@grpc:basket/shop.Basket/Get');
    assert.equal(code, 200);
    const [call] = calls ?? [];
    assert.deepEqual([call?.answeredBy, call?.status, call?.grpcStatus], ['service', 200, 'OK']);
    const { request, body } = call?.reply ?? {};
    assert.equal(request?.method, 'shop.Basket/Get');
    assert.equal(request?.uri, '/shop.Basket/Get');
    assert.equal(request?.messages, 1);
    assert.equal(request?.headers?.['x-meshmock-plan'], undefined);
    assert.equal(body, 'basket v1 answers shop.Basket/Get');
  });

  test('takes the directives of the callee along in metadata', async () => {
    const { status: code, calls } = await gateway('/@grpc:basket/~delay=20ms/~grpc-status=ABORTED/shop.Basket/Get');
    assert.equal(code, 502);
    const [call] = calls ?? [];
    assert.deepEqual([call?.answeredBy, call?.status, call?.grpcStatus], ['service', 409, 'ABORTED']);
    assert.equal(call?.reply?.request?.method, 'shop.Basket/Get');
    assert.deepEqual(call?.reply?.behaviour, ['delay=20ms', 'grpc-status=ABORTED']);
  });

  test('has its own method for each target, and other URIs are sent to the method of meshmock', async () => {
    const { calls } = await gateway(
      '/@grpc:basket(/shop.Basket/Get)|grpc:basket(/shop.Stock/Take)|grpc:basket|basket/x',
    );
    assert.deepEqual(
      calls?.map(({ reply }) => `${reply?.request?.method} ${reply?.request?.uri}`),
      [
        'shop.Basket/Get /shop.Basket/Get',
        'shop.Stock/Take /shop.Stock/Take',
        'meshmock.v1.MeshMock/Call /x',
        'GET /x',
      ],
    );
  });

  test('is retried and repeated as any other', async () => {
    const { calls } = await gateway('/@grpc:basket*10;retries=1/~status=503:1in2:attempt=1/shop.Basket/Get');
    assert.deepEqual(calls?.[0]?.summary?.byStatus, { 200: 10 });
    assert.deepEqual(calls?.[0]?.summary?.byService, { basket: 10 });
  });

  test('of health is answered by the health of the service', async () => {
    const { calls } = await gateway('/@grpc:basket/grpc.health.v1.Health/Check');
    assert.deepEqual([calls?.[0]?.grpcStatus, calls?.[0]?.answeredBy], ['OK', 'foreign']);
  });

  test('reaches a foreign server, whatever streams its method has', async () => {
    const unary: handleUnaryCall<object, object> = (_call, respond) => respond(null, { userId: 'u' });
    using shop = await startShop({
      Get: unary,
      // biome-ignore lint/suspicious/noExplicitAny: handlers of a definition that is loaded at run time have no types
      Fill: (call: any, respond: any) => call.on('data', () => {}).on('end', () => respond(null, {})),
      // biome-ignore lint/suspicious/noExplicitAny: as above
      Watch: (call: any) => {
        for (let index = 0; index < 1000; index++) call.write({ userId: String(index) });
        call.end();
      },
      // biome-ignore lint/suspicious/noExplicitAny: as above
      Exchange: (call: any) => call.on('data', () => {}).on('end', () => call.end()),
    });
    for (const method of ['Get', 'Fill', 'Watch', 'Exchange']) {
      const { calls } = await gateway(`/@grpc:127.0.0.1:${shop.port}/shop.Basket/${method}`);
      const [call] = calls ?? [];
      assert.deepEqual([call?.answeredBy, call?.grpcStatus, call?.error], ['foreign', 'OK', undefined], method);
    }
    const { calls } = await gateway(`/@grpc:127.0.0.1:${shop.port}/shop.Stock/Take`);
    assert.deepEqual([calls?.[0]?.answeredBy, calls?.[0]?.grpcStatus], ['foreign', 'UNIMPLEMENTED']);
  });

  test('that fails at a foreign server shows its status and its message', async () => {
    const failing: handleUnaryCall<object, object> = (_call, respond) =>
      respond({ code: status.NOT_FOUND, details: 'no basket' });
    const idle = (): void => {};
    using shop = await startShop({ Get: failing, Fill: idle, Watch: idle, Exchange: idle });
    const { calls } = await gateway(`/@grpc:127.0.0.1:${shop.port}/shop.Basket/Get`);
    assert.deepEqual([calls?.[0]?.grpcStatus, calls?.[0]?.body], ['NOT_FOUND', 'no basket']);
  });

  test('ends at its timeout while a foreign server sends messages', async () => {
    const timers = new Set<NodeJS.Timeout>();
    const idle = (): void => {};
    // biome-ignore lint/suspicious/noExplicitAny: handlers of a definition that is loaded at run time have no types
    const Watch = (call: any): void => void timers.add(setInterval(() => call.write({ userId: 'u' }), 10));
    using shop = await startShop({ Get: idle, Fill: idle, Exchange: idle, Watch });
    try {
      const { calls } = await gateway(`/@grpc:127.0.0.1:${shop.port};timeout=200ms/shop.Basket/Watch`);
      assert.equal(calls?.[0]?.error?.code, 'timeout');
    } finally {
      for (const timer of timers) clearInterval(timer);
    }
  });

  test('fails as any other if nothing listens', async () => {
    const { calls } = await gateway('/@grpc:127.0.0.1:1/shop.Basket/Get');
    assert.equal(calls?.[0]?.error?.code, 'refused');
  });

  test('can be made by meshmock call, with expectations', async () => {
    const target = `grpc:127.0.0.1:${mesh.grpcPort('basket')}/shop.Basket/Get`;
    const { code, stdout } = await runProgram(['call', target, '--expect', 'status=200', '--expect', 'version=v1']);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^shop\.Basket\/Get\n/);
  });
});
