import assert from 'node:assert/strict';
import type http from 'node:http';
import { after, before, suite, test } from 'node:test';
import type { Reply } from '../../src/reply/reply.ts';
import {
  type Arrival,
  callGrpc,
  callHttp,
  sendHttp,
  startForeignServer,
  startMesh,
  type TestMesh,
  treeOf,
} from '../running-mesh.ts';

suite('the path language', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['gateway', 'service1', 'service2', 'service3', 'service4']);
    // Some rows of servicemock's table name a port.
    mesh.dialler.add({ host: '', port: '8081', toHost: '127.0.0.1', toPort: String(mesh.httpPort('service2')) });
  });
  after(() => mesh[Symbol.asyncDispose]());

  /** Returns the requests of a path to services other than the gateway, in the order of arrival. */
  async function arrivalsOf(path: string): Promise<Arrival[]> {
    const before = mesh.arrivals.length;
    const reply = await callHttp(mesh.httpPort('gateway'), path);
    assert.equal(reply.status, 200);
    return mesh.arrivals
      .slice(before)
      .filter(({ service }) => service !== 'gateway')
      .sort((a, b) => a.arrivedAt - b.arrivedAt);
  }

  const linesOf = (arrivals: readonly Arrival[]): string[] =>
    arrivals.map(({ service, request }) => `${service} ${request.uri}`);

  const rows: readonly { path: string; tree: string; arrived: string[] }[] = [
    { path: '/service/calls/@service3/', tree: 'gateway', arrived: [] },
    { path: '/@service1/the-end', tree: 'gateway(service1)', arrived: ['service1 /the-end'] },
    { path: '/@service1:8081/the-end', tree: 'gateway(service2)', arrived: ['service2 /the-end'] },
    {
      path: '/@service1/@service2/@service3/',
      tree: 'gateway(service1(service2(service3)))',
      arrived: ['service1 /@service2/@service3/', 'service2 /@service3/', 'service3 /'],
    },
    { path: '/@service1/service2', tree: 'gateway(service1)', arrived: ['service1 /service2'] },
    {
      path: '/@service1,service2/uri-reuse/',
      tree: 'gateway(service1,service2)',
      arrived: ['service1 /uri-reuse/', 'service2 /uri-reuse/'],
    },
    {
      path: '/@service1|service2/uri-reuse/',
      tree: 'gateway(service1,service2)',
      arrived: ['service1 /uri-reuse/', 'service2 /uri-reuse/'],
    },
    {
      path: '/@service1|service2/@service3|service4/uri/',
      tree: 'gateway(service1(service3,service4),service2(service3,service4))',
      arrived: [
        'service1 /@service3|service4/uri/',
        'service2 /@service3|service4/uri/',
        ...['service3 /uri/', 'service3 /uri/', 'service4 /uri/', 'service4 /uri/'],
      ],
    },
    {
      path: '/@service1[n1=v1]/@service2:8081[n2=v2][n3=v3]/',
      tree: 'gateway(service1(service2))',
      arrived: ['service1 /@service2:8081[n2=v2][n3=v3]/', 'service2 /'],
    },
    { path: '//@service1/x', tree: 'gateway(service1)', arrived: ['service1 /x'] },
    {
      path: '/%40service1%7Cservice2%2Cservice3/x',
      tree: 'gateway(service1,service2,service3)',
      arrived: ['service1 /x', 'service2 /x', 'service3 /x'],
    },
    {
      path: '/@service1(/@service3/x)|service2(/@service4/y)',
      tree: 'gateway(service1(service3),service2(service4))',
      arrived: ['service1 /@service3/x', 'service2 /@service4/y', 'service3 /x', 'service4 /y'],
    },
    { path: '/@gateway/@service1/x', tree: 'gateway(gateway(service1))', arrived: ['service1 /x'] },
  ];

  for (const { path, tree, arrived } of rows) {
    test(`the path ${path} makes the calls of its row, over HTTP`, async () => {
      assert.deepEqual(linesOf(await arrivalsOf(path)).sort(), arrived.toSorted());
      assert.equal(treeOf(await callHttp(mesh.httpPort('gateway'), path)), tree);
    });

    test(`the path ${path} makes the same calls over gRPC, as a path and as a plan`, async () => {
      const { reply: ofPath } = await callGrpc(mesh.grpcPort('gateway'), { path });
      assert.ok(ofPath !== undefined);
      assert.equal(treeOf(ofPath), tree);
      const explained = await callHttp(mesh.httpPort('gateway'), `/-/plan${path}`);
      const { plan } = explained as unknown as { plan: object };
      const { reply: ofPlan } = await callGrpc(mesh.grpcPort('gateway'), { plan });
      assert.ok(ofPlan !== undefined);
      assert.equal(treeOf(ofPlan), tree);
    });
  }

  test('a plan may change the protocol at each hop', async () => {
    const reply = await callHttp(mesh.httpPort('gateway'), '/@grpc:service1/@service2|grpc:service3/x');
    assert.equal(treeOf(reply), 'gateway(service1(service2,service3))');
    const [first] = reply.calls ?? [];
    assert.equal(first?.grpcStatus, 'OK');
    const protocols =
      first?.reply !== undefined ? first.reply.calls?.map(({ reply: leaf }) => leaf?.request?.protocol) : [];
    assert.deepEqual(protocols, ['http', 'grpc']);
  });

  test('stages run one after another', async () => {
    const arrivals = await arrivalsOf('/@service1,service2,service3/x');
    for (const [earlier, later] of [arrivals.slice(0, 2), arrivals.slice(1, 3)]) {
      assert.ok(earlier !== undefined && later !== undefined && earlier.answeredAt <= later.arrivedAt + 0.1);
    }
    assert.deepEqual(linesOf(arrivals), ['service1 /x', 'service2 /x', 'service3 /x']);
  });

  test('the calls of a stage run in parallel, and their results are in the order of the plan', async () => {
    // The server answers when all three requests have arrived.
    const waiting: (() => void)[] = [];
    await using foreign = await startForeignServer((_request, response) => {
      waiting.push(() => response.end('done'));
      if (waiting.length === 3) for (const answer of waiting.reverse()) answer();
    });
    const target = `127.0.0.1:${foreign.port}`;
    const reply = await callHttp(mesh.httpPort('gateway'), `/@${target}[n=1]|${target}[n=2]|${target}[n=3]/x`);
    assert.deepEqual(
      reply.calls?.map(({ body }) => body),
      ['done', 'done', 'done'],
    );
    assert.equal(reply.status, 200);
  });

  test('headers in brackets go to their call only, decoded', async () => {
    await using foreign = await startForeignServer((_request, response) => response.end());
    const target = `127.0.0.1:${foreign.port}`;
    await callHttp(mesh.httpPort('gateway'), `/@${target}[accept=image/jpg][a=b|c,d][e=x%5Dy%7C(;)],${target}/x`);
    const [first, second] = foreign.requests;
    assert.equal(first?.headers.accept, 'image/jpg');
    assert.equal(first?.headers.a, 'b|c,d');
    assert.equal(first?.headers.e, 'x]y|(;)');
    assert.equal(second?.headers.accept, 'application/json');
    assert.equal(second?.headers.a, undefined);
  });

  test('the final URI arrives byte for byte, with its query', async () => {
    await using foreign = await startForeignServer((_request, response) => response.end());
    const uris = ['/', '//', '/a//b', '/x/../e', '/a?q=1|2&r=[a]&s=%7C', '/%41%zz%', '/a@b,c|d(e)[f]*~;=:', '/?/@a'];
    for (const uri of uris) {
      await callHttp(mesh.httpPort('gateway'), `/@service1/@127.0.0.1:${foreign.port}${uri}`);
    }
    assert.deepEqual(
      foreign.requests.map(({ url }) => url),
      uris,
    );
  });

  test('a service answers a URI with any characters', async () => {
    for (const uri of ['/%zz', '/a%', '/a|b', '/{x}', '/a?%', '/*', '/a/-/b']) {
      const reply = await callHttp(mesh.httpPort('service1'), uri);
      assert.equal(reply.status, 200);
      assert.equal(reply.request?.uri, uri);
    }
  });

  test('a target may have an IPv6 address and a method', async () => {
    await using foreign = await startForeignServer((request, response) => response.end(request.method));
    mesh.dialler.add({ host: '::1', port: '8099', toHost: '127.0.0.1', toPort: String(foreign.port) });
    const reply = await callHttp(mesh.httpPort('gateway'), '/@[::1]:8099;method=DELETE/x');
    assert.equal(reply.calls?.[0]?.body, 'DELETE');
    assert.equal(foreign.requests[0]?.headers.host, '[::1]:8099');
  });

  test('a call with the method QUERY, and a request with it that has no body, are answered', async () => {
    const { status, body } = await sendHttp(mesh.httpPort('gateway'), '/@service1;method=QUERY/x', { method: 'QUERY' });
    const { calls: [call] = [], request } = JSON.parse(body) as Reply;
    assert.deepEqual([status, request?.method, call?.reply?.request?.method], [200, 'QUERY', 'QUERY']);
  });

  test('repeated headers of a request are joined, and none is dropped', async () => {
    const repeated = { 'x-a': ['1', '2,3'], 'user-agent': ['a', 'b'], from: ['c', 'd'], 'end-user': ['e', 'f'] };
    const { body } = await sendHttp(mesh.httpPort('gateway'), '/@service1[x-b=1][x-b=2][cookie=a=1][cookie=b=2]/x', {
      headers: {
        ...repeated,
        cookie: ['x=1', 'y=2'],
        accept: 'application/json',
      } as unknown as http.OutgoingHttpHeaders,
    });
    const { calls: [call] = [], request } = JSON.parse(body) as Reply;
    const { 'x-a': list, 'user-agent': agent, from } = request?.headers ?? {};
    assert.deepEqual([list, agent, from], ['1, 2,3', 'a, b', 'c, d']);
    const called = call?.reply?.request?.headers ?? {};
    assert.deepEqual([called['end-user'], called['user-agent'], called['x-b']], ['e, f', 'a, b', '1, 2']);
  });

  test('a request of any method carries a plan', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND', 'QUERY']) {
      const answer = await sendHttp(mesh.httpPort('gateway'), '/@service1/x', {
        method,
        body: '{not json',
        headers: { 'content-type': 'application/json' },
      });
      assert.equal(answer.status, 200, method);
      assert.equal(treeOf(JSON.parse(answer.body)), 'gateway(service1)');
    }
  });
});
