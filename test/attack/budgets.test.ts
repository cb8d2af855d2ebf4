import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { Reply } from '../../src/reply/reply.ts';
import { callGrpc, callHttp, sendHttp, startForeignServer, startMesh } from '../running-mesh.ts';
import { until } from './attacked.ts';

const largeTree = `/@${Array.from({ length: 8 }, () => 'leaf').join('|')}/~size=10MB/x`;

suite('requests at once', () => {
  test('one more is refused at once over both protocols, says why, and does not keep probes out', async () => {
    await using mesh = await startMesh(['a'], {}, [], { maxRequests: 2 });
    const client = new AbortController();
    const hanging = [0, 1].map(() =>
      sendHttp(mesh.httpPort('a'), '/~hang/x', { signal: client.signal }).catch(() => {}),
    );
    const refused = async () => (await sendHttp(mesh.httpPort('a'), '/x')).status === 503;
    await until('both hang', 20_000, refused);
    const answer = await sendHttp(mesh.httpPort('a'), '/x', { headers: { accept: 'application/json' } });
    const { error, service } = JSON.parse(answer.body) as Reply;
    assert.deepEqual([answer.status, answer.headers['retry-after'], service], [503, '1', 'a']);
    assert.deepEqual(error, {
      code: 'overloaded',
      message: 'this service answers at most 2 requests at once (--max-requests)',
    });
    const overGrpc = await callGrpc(mesh.grpcPort('a'), { path: '/x' });
    assert.equal(overGrpc.code, status.RESOURCE_EXHAUSTED);
    assert.equal(overGrpc.reply?.error?.message, error?.message);
    assert.deepEqual(overGrpc.metadata.get('x-meshmock'), ['a/v1']);
    for (const probe of ['/-/healthy', '/-/ready'])
      assert.equal((await sendHttp(mesh.httpPort('a'), probe)).status, 200);
    client.abort();
    await Promise.all(hanging);
    await until('the service takes requests again', 10_000, async () => !(await refused()));
  });

  test('a caller shows the refusal as the reply of its callee', async () => {
    await using mesh = await startMesh(['a'], {}, [], { maxRequests: 1 });
    const reply = await callHttp(mesh.httpPort('a'), '/@a|grpc:a/x');
    assert.deepEqual(
      reply.calls?.map(({ status, answeredBy, reply }) => [status, answeredBy, reply?.error?.code]),
      [
        [503, 'service', 'overloaded'],
        [503, 'service', 'overloaded'],
      ],
    );
  });
});

test('a call over the limit of calls at once is not made, and the others are', async () => {
  await using mesh = await startMesh(['a', 'b'], {}, [], { maxOpenCalls: 2 });
  const reply = await callHttp(mesh.httpPort('a'), '/@b|b|b|grpc:b/~delay=20ms/x');
  assert.equal(reply.status, 502);
  assert.deepEqual(
    reply.calls?.map(({ status, error }) => error?.code ?? status),
    [200, 200, 'budget', 'budget'],
  );
  assert.equal(reply.calls?.[2]?.error?.message, 'this service makes at most 2 calls at once (--max-open-calls)');
  assert.equal((await callHttp(mesh.httpPort('a'), '/@b|b/x')).status, 200);
});

suite('an answer that would be too large', () => {
  test('leaves replies out and says so, in each form and over both protocols, and the log has its status', async () => {
    await using mesh = await startMesh(['a', 'leaf']);
    const before = mesh.arrivals.length;
    const port = mesh.httpPort('a');
    for (const headers of [{ accept: 'application/json' }, { 'user-agent': 'curl/8' }]) {
      const answer = await sendHttp(port, largeTree, { headers });
      const reply = JSON.parse(answer.body) as Reply;
      assert.deepEqual([answer.status, reply.status, reply.calls?.length], [200, 200, 8]);
      assert.equal(reply.calls?.filter(({ reply }) => reply?.body?.length === 10_000_000).length, 3);
      const pruned = reply.calls?.flatMap((call) => call.pruned ?? []) ?? [];
      assert.deepEqual([pruned.length, pruned[0]?.reason], [5, 'an answer has at most 32MB (--max-answer)']);
      assert.ok((pruned[0]?.bytes ?? 0) > 10_000_000);
    }
    const text = await sendHttp(port, largeTree, { headers: { accept: 'text/plain' } });
    assert.match(text.body, /200 .* reply of 10000\d+ bytes left out: an answer has at most 32MB \(--max-answer\)\n/);
    const overGrpc = await callGrpc(mesh.grpcPort('a'), { path: '/@leaf|leaf|leaf/~size=1MB/x' });
    assert.equal(overGrpc.code, status.OK);
    assert.equal(overGrpc.reply?.calls?.filter(({ reply }) => reply?.body?.length === 1_000_000).length, 3);
    const ofA = mesh.arrivals.slice(before).filter(({ service }) => service === 'a');
    assert.deepEqual(
      ofA.map(({ status, problem }) => [status, problem]),
      ofA.map(() => [200, undefined]),
    );
  });

  test('does not break if several are made at once: each is JSON with all calls', async () => {
    await using mesh = await startMesh(['a', 'leaf'], { deadlineMs: 60_000 }, [], { maxHeldBytes: 45_000_000 });
    const answers = await Promise.all(
      Array.from({ length: 4 }, () =>
        sendHttp(mesh.httpPort('a'), largeTree, { headers: { accept: 'application/json' } }),
      ),
    );
    for (const { status, body } of answers) {
      const reply = JSON.parse(body) as Reply;
      assert.deepEqual([status, reply.calls?.map(({ status }) => status)], [200, Array(8).fill(200)]);
      assert.ok(reply.calls?.some(({ pruned }) => pruned !== undefined));
    }
  });

  test('is refused before it is made if a single message would have no room', async () => {
    await using mesh = await startMesh(['a'], {}, [], { maxHeldBytes: 2_000_000 });
    const { code, reply } = await callGrpc(mesh.grpcPort('a'), { path: '/~size=1MB/x' });
    assert.equal(code, status.RESOURCE_EXHAUSTED);
    assert.equal(reply?.error?.message, 'all answers of this service hold at most 2MB (--max-held)');
    assert.equal((await callGrpc(mesh.grpcPort('a'), { path: '/~size=500KB/x' })).code, status.OK);
    // Over HTTP nothing is held for it.
    assert.equal((await sendHttp(mesh.httpPort('a'), '/~size=10MB/x')).body.match(/x{1000}/g)?.length, 10_000);
  });

  test('gives its bytes back: later answers have the same room', async () => {
    await using mesh = await startMesh(['a', 'leaf'], {}, [], { maxHeldBytes: 16_000_000 });
    for (let round = 0; round < 5; round++) {
      const { calls } = await callHttp(mesh.httpPort('a'), '/@leaf*3,leaf;retries=2|leaf,grpc:leaf/~size=2MB/x');
      assert.deepEqual(
        calls?.map(({ pruned, reply, summary }) => pruned?.reason ?? reply?.body?.length ?? summary?.count),
        [3, 2_000_000, 2_000_000, 2_000_000],
        `round ${round}`,
      );
    }
  });
});

test('a large plan is refused before it is read if there is no room for it', async () => {
  await using mesh = await startMesh(['a'], {}, [], { maxHeldBytes: 1_000_000 });
  const reply = await callHttp(mesh.httpPort('a'), `${'/~delay=1us'.repeat(3000)}/x`);
  assert.deepEqual([reply.status, reply.error?.code], [503, 'overloaded']);
  assert.equal((await callHttp(mesh.httpPort('a'), '/~delay=1us/x')).status, 200);
});

suite('an answer with a forged signature', () => {
  const forgeries: [name: string, body: string][] = [
    ['a bracket too few', '{"service":"x","status":200,"calls":[{}}'],
    ['a bracket too many', '{"service":"x","status":200}}'],
    ['two objects', '{"service":"x","status":200},{"service":"y","status":200}'],
    ['a text that ends the answer', `{"service":"x${'"}]}'.repeat(9000)}`],
    ['a wrong number', '{"service":"x","status":2-0}'],
    ['a long text with a control character', `{"service":"${'x'.repeat(40_000)}\u0001"}`],
    ['a nesting of 5,000', `{"service":"x","status":200,"more":${'['.repeat(5000)}${']'.repeat(5000)}}`],
  ];
  for (const [name, body] of forgeries) {
    test(`and ${name} does not spoil the answer that contains it`, async () => {
      await using mesh = await startMesh(['a']);
      await using forger = await startForeignServer((_request, response) => {
        response.writeHead(200, { 'x-meshmock': 'x/1', 'content-type': 'application/json' }).end(body);
      });
      for (const headers of [{ accept: 'application/json' }, { 'user-agent': 'curl/8' }]) {
        const answer = await sendHttp(mesh.httpPort('a'), `/@127.0.0.1:${forger.port}|a/x`, { headers });
        const { calls } = JSON.parse(answer.body) as Reply;
        assert.deepEqual([calls?.length, calls?.[0]?.reply, calls?.[1]?.reply?.service], [2, undefined, 'a']);
        assert.equal(calls?.[0]?.answeredBy, 'service');
      }
    });
  }

  test('and bytes that are not UTF-8 does not spoil the answer that contains it', async () => {
    await using mesh = await startMesh(['a']);
    await using forger = await startForeignServer((_request, response) => {
      response.writeHead(200, { 'x-meshmock': 'x/1', 'content-type': 'application/json' });
      response.end(
        Buffer.concat([Buffer.from(`{"service":"x${'x'.repeat(20_000)}`), Buffer.from([0xff]), Buffer.from('"}')]),
      );
    });
    const { calls } = await callHttp(mesh.httpPort('a'), `/@127.0.0.1:${forger.port}/x`);
    assert.equal(calls?.[0]?.reply, undefined);
  });

  test('and millions of empty values is passed on, and is not parsed', async () => {
    await using mesh = await startMesh(['a'], {}, [], { maxHeldBytes: 20_000_000 });
    const body = `{"service":"x","status":200,"more":[${'[],'.repeat(1_000_000)}[]]}`;
    await using forger = await startForeignServer((_request, response) => {
      response.writeHead(200, { 'x-meshmock': 'x/1', 'content-type': 'application/json' }).end(body);
    });
    const path = `/@127.0.0.1:${forger.port}/x`;
    const json = await sendHttp(mesh.httpPort('a'), path, { headers: { 'user-agent': 'curl/8' } });
    assert.ok(json.body.includes(body));
    const text = await sendHttp(mesh.httpPort('a'), path, { headers: { accept: 'text/plain' } });
    assert.match(text.body, /reply of 3\d+ bytes left out: all answers of this service hold at most 20MB/);
  });
});

test('a reply that does not end is cut off at the limit of one answer', async () => {
  await using mesh = await startMesh(['a', 'b'], {}, [], { maxAnswerBytes: 2_000_000 });
  await using endless = await startForeignServer((_request, response) => {
    response.writeHead(200, { 'x-meshmock': 'x/1', 'content-type': 'application/json' }).write('{"service":"');
    const write = (): void => {
      while (!response.destroyed && response.write('x'.repeat(64_000)));
    };
    response.on('drain', write);
    write();
  });
  const { status, calls } = await callHttp(mesh.httpPort('a'), `/@127.0.0.1:${endless.port}|b/x`);
  assert.equal(status, 200);
  assert.equal(calls?.[0]?.pruned?.reason, 'an answer has at most 2MB (--max-answer)');
  assert.equal(calls?.[1]?.reply?.service, 'b');
  await until('its connection is closed', 10_000, () => endless.open === 0);
});

test('a large answer whose client has gone ends nothing else', async () => {
  await using mesh = await startMesh(['a', 'leaf']);
  await using slow = await startForeignServer(() => {});
  const client = new AbortController();
  const path = `/@leaf(/~size=1MB/x),127.0.0.1:${slow.port}/x`;
  const sent = sendHttp(mesh.httpPort('a'), path, { signal: client.signal });
  await until('the second call is made', 10_000, () => slow.open === 1);
  client.abort();
  await assert.rejects(sent);
  await until('the request is logged', 10_000, () => mesh.arrivals.some(({ status }) => status === 499));
  assert.equal((await sendHttp(mesh.httpPort('a'), '/x')).status, 200);
});

test('a body of any method and content type is read and ignored', async () => {
  await using mesh = await startMesh(['a']);
  const port = mesh.httpPort('a');
  for (const [method, headers, body] of [
    ['QUERY', {}, undefined],
    ['QUERY', { 'content-type': 'application/sql' }, 'select 1'],
    ['POST', { 'content-type': ',,,,' }, 'abc'],
    ['PROPFIND', {}, '<x/>'],
    ['DELETE', { 'content-type': 'application/json' }, '{'],
  ] as const) {
    const answer = await sendHttp(port, '/x', { method, headers, ...(body === undefined ? {} : { body }) });
    assert.equal(answer.status, 200, `${method} ${JSON.stringify(headers)}: ${answer.body}`);
  }
});

test('no directive removes the protection of an answer', async () => {
  await using mesh = await startMesh(['a']);
  const path = '/~header[x-content-type-options=sniff]/x';
  const { status, headers, body } = await sendHttp(mesh.httpPort('a'), path);
  assert.deepEqual([status, headers['x-content-type-options']], [400, 'nosniff']);
  assert.match(body, /expected a header other than x-content-type-options/);
  const plan = { directives: [{ header: { name: 'x-content-type-options', value: 'sniff' } }] };
  assert.equal((await callGrpc(mesh.grpcPort('a'), { plan })).code, 3);
});
