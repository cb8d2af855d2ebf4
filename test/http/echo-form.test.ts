import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, suite, test } from 'node:test';
import { EchoServer } from '../../src/execute/echo-server.ts';
import { type HttpAnswer, sendHttp, startMesh, type TestMesh } from '../running-mesh.ts';

/** Answer of `echo-basic`, as the Gateway API's conformance suite reads it (utils/roundtripper). */
interface Assertions {
  readonly path: string;
  readonly host: string;
  readonly method: string;
  readonly proto: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly httpPort: string;
  readonly pod: string;
  readonly tls?: unknown;
}

suite('Reply forms over HTTP', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh([
      { name: 'basic', role: new EchoServer('echo-basic') },
      {
        name: 'slow',
        role: new EchoServer('echo-basic'),
        behaviour: [{ kind: 'status', status: 503, conditions: [] }],
      },
      { name: 'istio', version: 'v2', role: new EchoServer('istio-echo') },
      'caller',
    ]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const basic = (path: string, options: Parameters<typeof sendHttp>[2] = {}): Promise<HttpAnswer> =>
    sendHttp(mesh.httpPort('basic'), path, options);
  const istio = (path: string, options: Parameters<typeof sendHttp>[2] = {}): Promise<HttpAnswer> =>
    sendHttp(mesh.httpPort('istio'), path, options);

  test('echo-basic answers with the request, whatever the path, and names headers as Go does', async () => {
    const path = '/@caller/x|y?q=%5D';
    const headers = { host: 'example.com', 'x-lower-case': '1', 'X-List': ['a', 'b'], authorization: 'Bearer x' };
    const { status, headers: answered, body } = await basic(path, { method: 'POST', headers, body: 'text' });
    assert.equal(status, 200);
    assert.equal(answered['content-type'], 'application/json');
    const echoed = JSON.parse(body) as Assertions;
    assert.deepEqual(
      [echoed.path, echoed.host, echoed.method, echoed.proto],
      [path, 'example.com', 'POST', 'HTTP/1.1'],
    );
    assert.deepEqual([echoed.pod, echoed.httpPort, echoed.tls], ['basic-1', String(mesh.httpPort('basic')), undefined]);
    assert.deepEqual(echoed.headers['X-List'], ['a', 'b']);
    assert.deepEqual(echoed.headers['X-Lower-Case'], ['1']);
    assert.deepEqual(echoed.headers.Authorization, ['Bearer x']);
    assert.deepEqual(echoed.headers['Content-Length'], ['4']);
    assert.equal(echoed.headers.Host, undefined);
  });

  test('echo-basic sets the headers that the request asks for, and joins repeated ones without a space', async () => {
    const { headers } = await basic('/', { headers: { 'X-Echo-Set-Header': 'X-One:a, X-Two:b:c,X-One: d,' } });
    assert.deepEqual([headers['x-one'], headers['x-two']], ['a,d', 'b:c']);
  });

  const statuses: [path: string, status: number, body: string][] = [
    ['/status/404', 404, ''],
    ['/status/200', 200, ''],
    ['/status/nothing', 400, ''],
    ['/status/404?x', 400, ''],
    ['/health', 200, 'OK'],
    ['/retry/x', 400, 'uuid is required'],
    ['/retry/x?uuid=1', 400, 'succeedAfter is required'],
  ];
  for (const [path, status, body] of statuses) {
    test(`echo-basic answers ${path} with ${status} "${body}"`, async () => {
      const answered = await basic(path);
      assert.deepEqual([answered.status, answered.body], [status, body]);
    });
  }

  test('echo-basic waits for the time in the query, and refuses a time that it cannot read', async () => {
    const startedAt = performance.now();
    assert.equal((await basic('/x?delay=0.1s50ms')).status, 200);
    assert.ok(performance.now() - startedAt >= 149);
    const { status, body } = await basic('/x?delay=soon');
    assert.equal(status, 400);
    assert.match(body, /\\"soon\\" is not a delay such as 1\.5s/);
  });

  test('echo-basic fails a request at /retry as often as it asks, by its uuid', async () => {
    const path = '/retry/a?uuid=u1&succeedAfter=2&responseCode=503';
    assert.deepEqual(
      [(await basic(path)).status, (await basic(path)).status, (await basic(path)).status],
      [503, 503, 200],
    );
    assert.equal((await basic(path.replace('u1', 'u2'))).status, 503);
    const reset = '/retry/a?uuid=u3&succeedAfter=1';
    await assert.rejects(basic(reset), { code: 'ECONNRESET' });
    assert.equal((JSON.parse((await basic(reset)).body) as Assertions).path, reset);
  });

  test('echo-basic echoes the method of a request with a method of its own, and answers HEAD without a body', async () => {
    assert.equal((JSON.parse((await basic('/x', { method: 'PURGE' })).body) as Assertions).method, 'PURGE');
    assert.deepEqual(await basic('/x', { method: 'HEAD' }).then(({ status, body }) => [status, body]), [200, '']);
  });

  test('the directives of a service apply to an echo server too', async () => {
    const { status, body } = await sendHttp(mesh.httpPort('slow'), '/x');
    assert.deepEqual([status, (JSON.parse(body) as Assertions).path], [503, '/x']);
  });

  test('a meshmock that calls an echo server shows its answer as that of a service', async () => {
    const { body } = await sendHttp(mesh.httpPort('caller'), '/@basic/x', { headers: { accept: 'application/json' } });
    const { calls } = JSON.parse(body) as { calls: { status: number; answeredBy: string; body: string }[] };
    assert.deepEqual([calls[0]?.status, calls[0]?.answeredBy], [200, 'service']);
    assert.equal((JSON.parse(calls[0]?.body ?? '') as Assertions).path, '/x');
  });

  test("Istio's echo answers with a line for each fact", async () => {
    const { status, headers, body } = await istio('/a?b', { headers: { host: 'echo', 'x-b': '2', 'x-a': ['1', '3'] } });
    assert.deepEqual([status, headers['content-type']], [200, 'application/text']);
    const lines = [
      'ServiceVersion=v2',
      `ServicePort=${mesh.httpPort('istio')}`,
      'Host=echo',
      'URL=/a?b',
      'Method=GET',
      'Proto=HTTP/1.1',
      'IP=127.0.0.1',
      'RequestHeader=Connection:close',
      'RequestHeader=X-A:1',
      'RequestHeader=X-A:3',
      'RequestHeader=X-B:2',
      'Hostname=istio-1',
    ];
    assert.equal(body, `${lines.join('\n')}\n`);
  });

  test("Istio's echo sets headers and statuses that the query asks for, and statuses by their weights", async () => {
    const { status, headers } = await istio('/?headers=X-One:a,x-two:b&codes=404');
    assert.deepEqual([status, headers['x-one'], headers['x-two']], [404, 'a', 'b']);
    const drawn = await Promise.all(Array.from({ length: 60 }, () => istio('/?codes=503:1,200:2')));
    const failed = drawn.filter((answered) => answered.status === 503).length;
    assert.ok(failed > 5 && failed < 40, String(failed));
    assert.equal((await istio('/?codes=no')).status, 400);
  });
});

test('an echo server answers several requests on one connection', async () => {
  await using mesh = await startMesh([{ name: 'basic', role: new EchoServer('echo-basic') }]);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const port = mesh.httpPort('basic');
    const get = (path: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        http
          .get({ port, host: '127.0.0.1', path, agent }, (response) => {
            response.resume().once('end', () => resolve(response.socket?.localPort));
          })
          .once('error', reject);
      });
    await get('/a');
    await get('/status/500');
    await get('/b');
    assert.equal(Object.values(agent.freeSockets).flat().length, 1);
  } finally {
    agent.destroy();
  }
});
