import assert from 'node:assert/strict';
import type http from 'node:http';
import net from 'node:net';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply } from '../../src/reply/reply.ts';
import { callGrpc, callHttp, sendHttp, startForeignServer, startMesh, type TestMesh, treeOf } from '../running-mesh.ts';

suite('failures over HTTP', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['gateway', 'service1', 'service2', 'service3']);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const gateway = (path: string, headers: http.OutgoingHttpHeaders = {}) =>
    callHttp(mesh.httpPort('gateway'), path, headers);

  test('a path that starts like a plan and is not one is refused with offset and caret, and no call is made', async () => {
    const before = mesh.arrivals.length;
    const reply = await gateway('/@service1,service2|/x');
    assert.equal(reply.status, 400);
    assert.equal(reply.error?.code, 'invalid_plan');
    assert.equal(reply.error?.offset, 20);
    assert.deepEqual(reply.error?.caret, [
      '/@service1,service2|/x',
      `${' '.repeat(20)}^ expected the name or address of a host`,
    ]);
    assert.deepEqual(
      mesh.arrivals.slice(before).map(({ service }) => service),
      ['gateway'],
    );
  });

  test('a failed connection and an unknown host do not affect other calls, and the status is 502', async () => {
    const reply = await gateway('/@127.0.0.1:1|nosuchhost.invalid|service1/@service2/x');
    assert.equal(reply.status, 502);
    const [refused, unknown, whole] = reply.calls ?? [];
    assert.equal(refused?.error?.code, 'refused');
    assert.equal(refused?.answeredBy, 'nobody');
    assert.equal(unknown?.error?.code, 'dns');
    assert.ok(whole?.reply !== undefined);
    assert.equal(treeOf(whole.reply), 'service1(service2)');
  });

  test('every stage runs, also after a failed one', async () => {
    const reply = await gateway('/@127.0.0.1:1,service1/x');
    assert.deepEqual(
      reply.calls?.map(({ answeredBy }) => answeredBy),
      ['nobody', 'service'],
    );
  });

  test('a connection that the server cuts is a reset', async () => {
    await using foreign = await startForeignServer((request) => request.socket.resetAndDestroy());
    const reply = await gateway(`/@127.0.0.1:${foreign.port}/x`);
    assert.equal(reply.calls?.[0]?.error?.code, 'reset');
    assert.equal(reply.status, 502);
  });

  test('a server that does not speak HTTP is a protocol error', async () => {
    const server = net.createServer((socket) => socket.end('220 mail.example.com ESMTP\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const reply = await gateway(`/@127.0.0.1:${(server.address() as net.AddressInfo).port}/x`);
      assert.equal(reply.calls?.[0]?.error?.code, 'protocol');
    } finally {
      server.close();
    }
  });

  test('a call with the wrong protocol says which one the port may speak', async () => {
    const { httpPort, grpcPort } = { httpPort: mesh.httpPort('gateway'), grpcPort: mesh.grpcPort('gateway') };
    await using foreign = await startForeignServer((_request, response) => response.end());
    const targets = [
      `https:127.0.0.1:${httpPort}`,
      `grpcs:127.0.0.1:${grpcPort}`,
      `grpc:127.0.0.1:${foreign.port}`,
      `127.0.0.1:${grpcPort}`,
    ];
    const { calls = [] } = await gateway(`/@${targets.join('|')}/x`);
    const expected = [
      /^the server does not speak TLS: use http: instead of https:/,
      /^the server does not speak TLS: use grpc: instead of grpcs:/,
      /^the server does not speak gRPC, perhaps HTTP\/1\.1 or TLS: /,
      /^the server does not speak HTTP\/1\.1, perhaps gRPC or TLS: /,
    ];
    for (const [index, pattern] of expected.entries()) assert.match(calls[index]?.error?.message ?? '', pattern);
    assert.deepEqual(
      calls.map(({ error }) => error?.code),
      ['tls', 'tls', 'protocol', 'protocol'],
    );
  });

  test('a reply shows status, headers and the first part of the body of a foreign server', async () => {
    await using foreign = await startForeignServer((request, response) => {
      response.writeHead(request.url === '/small' ? 418 : 200, { 'x-who': 'foreign', 'set-cookie': 'secret=1' });
      response.end(request.url === '/small' ? 'I am a teapot' : 'x'.repeat(200_000));
    });
    const reply = await gateway(`/@127.0.0.1:${foreign.port}(/small),127.0.0.1:${foreign.port}(/large)`);
    const [small, large] = reply.calls ?? [];
    assert.equal(reply.status, 200);
    assert.equal(small?.answeredBy, 'foreign');
    assert.equal(small?.status, 418);
    assert.equal(small?.body, 'I am a teapot');
    assert.equal(small?.headers?.['x-who'], 'foreign');
    assert.equal(small?.headers?.['set-cookie'], '[redacted]');
    assert.equal(small?.bodyBytes, undefined);
    assert.equal(large?.body?.length, 2048);
    assert.ok((large?.bodyBytes ?? 0) > 64 * 1024);
  });

  test('a foreign status of 500 or more fails the call: 502', async () => {
    await using foreign = await startForeignServer((_request, response) => response.writeHead(503).end('no'));
    const reply = await gateway(`/@127.0.0.1:${foreign.port}/x`);
    assert.equal(reply.status, 502);
    assert.equal(reply.calls?.[0]?.status, 503);
  });

  test('a call without an answer within its timeout fails with 504, and does not affect other calls', async () => {
    await using slow = await startForeignServer(() => {});
    const startedAt = performance.now();
    const reply = await gateway(`/@127.0.0.1:${slow.port};timeout=150ms|service1/x`);
    assert.ok(performance.now() - startedAt < 8000);
    assert.equal(reply.status, 504);
    assert.equal(reply.calls?.[0]?.error?.code, 'timeout');
    assert.equal(reply.calls?.[1]?.reply?.service, 'service1');
  });

  test('the deadline covers the whole cascade: the innermost call times out, and the tree still arrives', async () => {
    await using slow = await startForeignServer(() => {});
    const tree = `gateway(service1(service2(127.0.0.1:${slow.port})))`;
    const send = async (tries = 12): Promise<Reply> => {
      const startedAt = performance.now();
      const path = `/@service1/@service2/@127.0.0.1:${slow.port}/x`;
      const reply = await gateway(path, { 'x-meshmock-deadline-ms': '2000' });
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs > 1900 && tookMs < 8000, `took ${tookMs} ms`);
      assert.equal(reply.status, 504);
      // All services share this process. If it waits for a core, the deadline of a caller may pass before it has read.
      return treeOf(reply) !== tree && tries > 1 ? send(tries - 1) : reply;
    };
    const reply = await send();
    assert.equal(treeOf(reply), tree);
    const innermost = reply.calls?.[0]?.reply?.calls?.[0]?.reply?.calls?.[0];
    assert.equal(innermost?.error?.code, 'timeout');
  });

  test('remaining time, calls and depth shrink at every hop', async () => {
    const reply = await gateway('/@service1/@service2/x', { 'x-meshmock-calls': '10', 'x-meshmock-depth': '3' });
    const first = reply.calls?.[0]?.reply;
    const second = first?.calls?.[0]?.reply;
    assert.deepEqual(
      [first, second].map((each) => each?.request?.headers?.['x-meshmock-depth']),
      ['2', '1'],
    );
    assert.deepEqual(
      [first, second].map((each) => each?.request?.headers?.['x-meshmock-calls']),
      ['9', '8'],
    );
    const deadlines = [first, second].map((each) => Number(each?.request?.headers?.['x-meshmock-deadline-ms']));
    assert.ok(
      deadlines[0] !== undefined && deadlines[1] !== undefined && deadlines[1] < deadlines[0] && deadlines[0] < 15_000,
    );
  });

  test('a client can lower the limits, but not raise them', async () => {
    const before = mesh.arrivals.length;
    const calls = await gateway('/@service1|service2/@service3/x', { 'x-meshmock-calls': '3' });
    assert.equal(calls.error?.message, 'the plan makes 4 calls, the limit is 3');
    const depth = await gateway('/@service1/@service2/x', { 'x-meshmock-depth': '1' });
    assert.equal(depth.error?.code, 'limit_exceeded');
    assert.equal(depth.error?.offset, 12);
    const raised = await gateway(`/@service1${'|service1'.repeat(1000)}/x`, { 'x-meshmock-calls': '5000' });
    assert.equal(raised.status, 400);
    const wrong = await gateway('/@service1/x', { 'x-meshmock-calls': 'many' });
    assert.equal(wrong.error?.code, 'invalid_header');
    assert.equal(mesh.arrivals.length, before + 4);
  });

  test('a client that goes away ends all calls below', async () => {
    await using slow = await startForeignServer(() => {});
    const target = `127.0.0.1:${slow.port}`;
    const leaves = Array.from({ length: 25 }, () => target).join('|');
    const client = new AbortController();
    const sent = sendHttp(mesh.httpPort('gateway'), `/@service1|service2/@${leaves}/x`, { signal: client.signal });
    while (slow.open < 50) await sleep(5);
    client.abort();
    await assert.rejects(sent);
    // Long before the deadline of the requests, 15 s.
    const endAt = performance.now() + 5000;
    while (slow.open > 0 && performance.now() < endAt) await sleep(5);
    assert.equal(slow.open, 0);
  });

  test('64 parallel chains are answered: a service calls itself 40 times, and two services call each other', async () => {
    await using own = await startMesh(['gateway', 'service1', 'service2'], { deadlineMs: 120_000 });
    const self = `${'/@gateway'.repeat(40)}/end`;
    const pair = `${'/@service1/@service2'.repeat(20)}/end`;
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, index) => callHttp(own.httpPort('gateway'), index % 2 === 0 ? self : pair)),
    );
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200),
      [],
    );
  });

  test('a request whose caller has gone is logged with 499, and without a problem', async () => {
    await using slow = await startForeignServer(() => {});
    const client = new AbortController();
    const path = `/@127.0.0.1:${slow.port}/x`;
    const sent = sendHttp(mesh.httpPort('gateway'), path, { signal: client.signal });
    while (slow.open < 1) await sleep(5);
    client.abort();
    await assert.rejects(sent);
    const logged = () => mesh.arrivals.find(({ request }) => request.uri === path);
    while (logged() === undefined) await sleep(5);
    assert.deepEqual([logged()?.status, logged()?.problem], [499, undefined]);
  });

  test('a forged reply does not break the answer or affect other calls', async () => {
    const fields = [
      '"error":null',
      '"mesh":{"peerIdentity":5}',
      '"request":5',
      '"calls":[{"target":"a","scheme":"http","answeredBy":"x","body":5}]',
    ];
    const forged = fields.map((field) => `{"service":"a","status":200,${field}}`);
    for (const body of ['5', '', '{"broken', '{"calls":5}', 'null', ...forged]) {
      await using forger = await startForeignServer((_request, response) => {
        response.writeHead(200, { 'x-meshmock': 'x/1', 'content-type': 'application/json' }).end(body);
      });
      const path = `/@127.0.0.1:${forger.port}|service1/x`;
      assert.equal((await gateway(path)).calls?.[1]?.reply?.service, 'service1');
      const text = await sendHttp(mesh.httpPort('gateway'), path, { headers: { accept: 'text/plain' } });
      assert.equal(text.status, 200, body);
      assert.match(text.body, /service1 v1/);
      const { reply: overGrpc } = await callGrpc(mesh.grpcPort('gateway'), { path });
      assert.equal(overGrpc?.calls?.[0]?.body, body === '' ? undefined : body);
    }
  });

  test('answers of a meshmock to HEAD, from admin routes and in other content types are signed, without a reply', async () => {
    const reply = await gateway('/@service1;method=HEAD|service1(/-/healthy)|service1[accept=text/plain]/x');
    assert.equal(reply.status, 200);
    assert.deepEqual(
      reply.calls?.map(({ answeredBy }) => answeredBy),
      ['service', 'service', 'service'],
    );
    assert.deepEqual(
      reply.calls?.map(({ body }) => body?.split('\n')[0]),
      [undefined, 'healthy', 'GET /x'],
    );
  });

  test('a header may have the name of a property that each object has', async () => {
    await using foreign = await startForeignServer((_request, response) => response.end());
    await gateway(`/@127.0.0.1:${foreign.port}[constructor=x][tostring=y]/x`);
    assert.equal(foreign.requests[0]?.headers.constructor, 'x');
  });

  test('a reply does not show the secrets of a path', async () => {
    await using foreign = await startForeignServer((_request, response) => response.end());
    const reply = await gateway(`/@service1/@127.0.0.1:${foreign.port}[authorization=Bearer%20s3cret][a=b]/x`);
    assert.equal(foreign.requests[0]?.headers.authorization, 'Bearer s3cret');
    assert.doesNotMatch(JSON.stringify(reply), /s3cret/);
    assert.match(reply.request?.uri ?? '', /\[authorization=\*+\]\[a=b\]/);
    for (const path of [
      '/@service1%5Bauthorization=s3cret%5D/x',
      '/@service1[Cookie%3Ds3cret]/x',
      '/@service1[jwt=s3cret];timeout=bad/x',
      '/@service1[jwt=s3cret',
    ]) {
      assert.doesNotMatch(JSON.stringify(await gateway(path)), /s3cret/, path);
    }
  });

  test('every answer is signed, whatever the request', async () => {
    for (const [path, headers] of [
      ['/-/%zz', {}],
      ['/-/x', {}],
      ['/x', { expect: 'something' }],
      ['/-/healthy', {}],
    ] as const) {
      const { headers: answered } = await sendHttp(mesh.httpPort('gateway'), path, { headers });
      assert.equal(answered['x-meshmock'], 'gateway/v1', path);
    }
  });

  const hostile: readonly (readonly [string, string, number])[] = [
    ['a path of 2,000 characters of garbage', `/@${'%(|,[;*~'.repeat(250)}`, 400],
    ['a plan of depth 10,000', '/@a'.repeat(10_000), 400],
    ['7,000 nested parentheses', '/@a(/@a'.repeat(7000), 400],
  ];
  for (const [name, path, status] of hostile) {
    test(`the request with ${name} gets a clear error`, async () => {
      const answer = await sendHttp(mesh.httpPort('gateway'), path);
      const { error } = JSON.parse(answer.body) as { error: { message: string; offset: number } };
      assert.equal(answer.status, status);
      assert.ok(error.offset >= 0 && error.offset <= path.length);
      assert.ok(error.message.length < 300);
      assert.equal((await gateway('/@service1/x')).status, 200);
    });
  }

  test('headers that exceed the limit are refused with 431 and a reason', async () => {
    const answer = await sendHttp(mesh.httpPort('gateway'), '/', {
      headers: { 'x-large': 'x'.repeat(1_000_000) },
    }).catch((error: Error) => error);
    assert.ok(!(answer instanceof Error), String(answer));
    assert.equal(answer.status, 431);
    assert.match(answer.body, /header_too_large/);
    assert.match(String(answer.headers['x-meshmock']), /^gateway\/v1$/);
  });

  test('a path of 30,000 characters is accepted', async () => {
    const reply = await gateway(`/@service1/${'x'.repeat(30_000)}`);
    assert.equal(reply.calls?.[0]?.reply?.request?.uri.length, 30_001);
  });

  test('a request that is not HTTP gets an error', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = net.connect(mesh.httpPort('gateway'), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on('close', () => resolve(text));
    });
    assert.match(answer, /^HTTP\/1\.1 400 .*bad_request/s);
  });
});
