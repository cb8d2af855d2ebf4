import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { EchoServer } from '../../src/execute/echo-server.ts';
import { protoRoot } from '../../src/grpc/services/proto-root.ts';
import { callGrpc, startMesh, type TestMesh } from '../running-mesh.ts';

interface Assertions {
  readonly fullyQualifiedMethod: string;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
  readonly authority: string;
  readonly context: { readonly namespace: string; readonly pod: string };
}

const basicName = 'gateway_api_conformance.echo_basic.grpcecho.GrpcEcho';
const istioName = 'proto.EchoTestService';
const files = ['echo/grpcecho.proto', 'echo/istio_echo.proto'];
const definitions = loadSync(files, { includeDirs: [protoRoot], defaults: true });

suite('Reply forms over gRPC', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh([
      { name: 'basic', role: new EchoServer('echo-basic') },
      {
        name: 'failing',
        role: new EchoServer('echo-basic'),
        behaviour: [{ kind: 'grpc-status', grpcStatus: 'RESOURCE_EXHAUSTED', conditions: [] }],
      },
      { name: 'istio', version: 'v2', role: new EchoServer('istio-echo') },
    ]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  /** Calls a method of an echo server. */
  async function call<Response>(
    server: string,
    [service, method]: readonly [service: string, method: string],
    request: object = {},
    headers: readonly [name: string, value: string][] = [],
  ): Promise<Response> {
    const methods = definitions[service] as unknown as Readonly<Record<string, MethodDefinition<object, Response>>>;
    const { path, requestSerialize, responseDeserialize } = methods[method] as MethodDefinition<object, Response>;
    const client = new Client(`127.0.0.1:${mesh.grpcPort(server)}`, credentials.createInsecure());
    const metadata = new Metadata();
    for (const [name, value] of headers) metadata.add(name, value);
    try {
      return await new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          (error: ServiceError | null, response?: Response) =>
            error === null && response !== undefined ? resolve(response) : reject(error),
        );
      });
    } finally {
      client.close();
    }
  }

  for (const method of ['Echo', 'EchoTwo']) {
    test(`echo-basic answers ${method} with the method, the headers and the pod`, async () => {
      const headers: [string, string][] = [
        ['x-one', 'a'],
        ['x-one', 'b'],
      ];
      const { assertions } = await call<{ assertions: Assertions }>('basic', [basicName, method], {}, headers);
      assert.equal(assertions.fullyQualifiedMethod, `/${basicName}/${method}`);
      assert.equal(assertions.context.pod, 'basic-1');
      const authority = `127.0.0.1:${mesh.grpcPort('basic')}`;
      assert.equal(assertions.authority, authority);
      const values = (name: string) => assertions.headers.filter(({ key }) => key === name).map(({ value }) => value);
      // Node joins the values of a repeated header of HTTP/2.
      assert.deepEqual(values('x-one'), ['a, b']);
      assert.deepEqual(values(':authority'), [authority]);
    });
  }

  test('echo-basic does not implement EchoThree, and no other server than an echo server implements Echo', async () => {
    await assert.rejects(call('basic', [basicName, 'EchoThree']), { code: status.UNIMPLEMENTED });
    await assert.rejects(call('istio', [basicName, 'Echo']), { code: status.UNIMPLEMENTED });
  });

  test('the directives of a service apply to its echo methods', async () => {
    await assert.rejects(call('failing', [basicName, 'Echo']), { code: status.RESOURCE_EXHAUSTED });
  });

  test("Istio's echo answers with a line for each fact, and with the message", async () => {
    const headers: [string, string][] = [['x-one', 'a']];
    const { message } = await call<{ message: string }>('istio', [istioName, 'Echo'], { message: 'hello' }, headers);
    const lines = message.split('\n');
    for (const line of [
      `Host=127.0.0.1:${mesh.grpcPort('istio')}`,
      'RequestHeader=x-one:a',
      'StatusCode=200',
      'ServiceVersion=v2',
      'IP=127.0.0.1',
      'Proto=GRPC',
      'Echo=hello',
      'Hostname=istio-1',
    ])
      assert.ok(lines.includes(line), `${line} in ${message}`);
  });

  test('Call of an echo server reads no plan', async () => {
    const { reply } = await callGrpc(mesh.grpcPort('basic'), { path: '/@istio/x' });
    assert.deepEqual([reply?.service, reply?.calls], ['basic', undefined]);
  });
});
