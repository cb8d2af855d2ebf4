import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply } from '../../src/reply/reply.ts';
import { answered, fails, holds, unknown, verdicts } from '../expect/verdicts.ts';
import { callHttp, sendHttp, startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';

interface Part {
  readonly text: string;
  readonly atMs: number;
}

/** Sends a request, and returns the parts of its answer with their times. */
async function partsOf(port: number, path: string): Promise<{ response: http.IncomingMessage; parts: Part[] }> {
  const startedAt = performance.now();
  const request = http.get({ host: '127.0.0.1', port, path, agent: false, headers: { accept: 'application/json' } });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const parts: Part[] = [];
  for await (const chunk of response) parts.push({ text: String(chunk), atMs: performance.now() - startedAt });
  return { response, parts };
}

suite('answers in parts', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['a', 'b']);
  });
  after(() => mesh[Symbol.asyncDispose]());

  test('~chunks sends the first part at once, and one in each interval', async () => {
    const { parts, response } = await partsOf(mesh.httpPort('a'), '/~chunks=5/60ms/@b/x');
    assert.equal(response.headers['content-length'], undefined);
    assert.equal(parts.length, 5);
    for (const [index, { atMs }] of parts.entries()) assert.ok(atMs >= 60 * index - 1, `${index}: ${atMs} ms`);
    const reply = JSON.parse(parts.map(({ text }) => text).join('')) as Reply;
    assert.equal(reply.calls?.[0]?.reply?.body, 'b v1 answers GET /x');
    assert.deepEqual(reply.behaviour, ['chunks=5/60ms']);
  });

  test('~chunks divides a large body, of which nothing is lost', async () => {
    const { parts } = await partsOf(mesh.httpPort('a'), '/~size=1MB/~chunks=3/20ms/x');
    const reply = JSON.parse(parts.map(({ text }) => text).join('')) as Reply;
    assert.equal(reply.body, 'x'.repeat(1_000_000));
  });

  test('a caller shows the parts, the time to the first one, and the trailers, over HTTP/1.1 and HTTP/2', async () => {
    const { calls = [] } = await callHttp(
      mesh.httpPort('a'),
      '/@b|b;http2/~delay=30ms/~chunks=4/100ms/~trailer[x-sum=7]/x',
    );
    for (const { stream, trailers, durationMs = 0, reply } of calls) {
      assert.equal(stream?.chunks, 4);
      assert.ok((stream?.firstByteMs ?? 0) >= 29 && (stream?.firstByteMs ?? 0) < durationMs - 100);
      assert.ok(durationMs >= 320);
      assert.deepEqual(trailers, { 'x-sum': '7' });
      assert.equal(reply?.body, 'b v1 answers GET /x');
    }
  });

  test('expectations are about parts, events, the first part and trailers', async () => {
    const parted = answered(
      await callHttp(mesh.httpPort('a'), '/@b|b;http2/~delay=30ms/~chunks=4/400ms/~trailer[x-sum=7]/x'),
    );
    const rows: [expectation: string, verdict: boolean[]][] = [
      ['b chunks = 4', holds],
      ['b chunks >= 5', fails],
      ['b first-byte min >= 29ms', holds],
      ['b first-byte max < 1s', holds],
      ['b trailer x-sum = 7', holds],
      ['b trailer x-sum matches /^[0-6]$/', fails],
      ['b trailer x-sum exists = 2', holds],
      ['b trailer x-other exists = 0', holds],
      ['b events = 0', unknown],
    ];
    for (const [expectation, verdict] of rows) assert.deepEqual(verdicts(expectation, parted), verdict, expectation);
    const whole = answered(await callHttp(mesh.httpPort('a'), '/@b/x'));
    for (const expectation of ['b chunks = 1', 'b trailer x-sum exists = 0', 'b first-byte max < 1s'])
      assert.deepEqual(verdicts(expectation, whole), unknown, expectation);
    const events = answered(await callHttp(mesh.httpPort('a'), '/@b/~events=3/20ms/x'));
    assert.deepEqual(verdicts('b events = 4', events), holds);
    assert.deepEqual(verdicts('b trailer x-sum exists = 0', events), holds);
  });

  test('a client of HTTP/1.0 gets the answer without its trailers', async () => {
    const socket = net.connect(mesh.httpPort('a'), '127.0.0.1');
    socket.write('GET /~trailer[x-sum=7]/~chunks=2/10ms/x HTTP/1.0\r\n\r\n');
    let received = '';
    for await (const chunk of socket) received += String(chunk);
    const [head = '', body = ''] = received.split('\r\n\r\n');
    assert.match(head, /^HTTP\/1\.1 200 /);
    assert.doesNotMatch(head, /x-sum|transfer-encoding/i);
    assert.equal((JSON.parse(body) as Reply).status, 200);
  });

  test('an answer with a length shows neither parts nor trailers', async () => {
    const { calls = [] } = await callHttp(mesh.httpPort('a'), '/@b|b;http2/~size=500KB/x');
    assert.deepEqual(
      calls.map(({ stream, trailers }) => [stream, trailers]),
      [
        [undefined, undefined],
        [undefined, undefined],
      ],
    );
  });

  test('~events sends events with the body, and the reply as the last one', async () => {
    const { parts, response } = await partsOf(mesh.httpPort('a'), '/~events=3/50ms/~body=one%0Atwo/@b/x');
    assert.equal(response.headers['content-type'], 'text/event-stream');
    const text = parts.map((part) => part.text).join('');
    const events = text.split('\n\n');
    assert.deepEqual(
      events.slice(0, 3),
      [1, 2, 3].map((id) => `id: ${id}\ndata: one\ndata: two`),
    );
    const last = /^event: reply\ndata: (.*)$/.exec(events[3] ?? '');
    assert.equal((JSON.parse(last?.[1] ?? '') as Reply).calls?.length, 1);
    assert.equal(events.length, 5);
    assert.ok((parts.at(-1)?.atMs ?? 0) >= 149);
  });

  test('no character of a text begins another field of its event', async () => {
    const { parts } = await partsOf(mesh.httpPort('a'), '/~events=1/1ms/~body=a%0Devent%3A%20x%0D%0Ab%0Ac/x');
    const [event] = parts
      .map(({ text }) => text)
      .join('')
      .split('\n\n');
    assert.equal(event, 'id: 1\ndata: a\ndata: event: x\ndata: b\ndata: c');
  });

  test('a caller reads the reply out of the events', async () => {
    const { calls = [] } = await callHttp(
      mesh.httpPort('a'),
      '/@b(/~events=3/20ms/x)|b(/~events=2/1ms/~size=200KB/@a/y)',
    );
    const [short, long] = calls;
    assert.equal(short?.stream?.events, 4);
    assert.equal(short?.reply?.body, 'b v1 answers GET /x');
    assert.equal(long?.reply?.body, 'x'.repeat(200_000));
    assert.equal(long?.reply?.calls?.[0]?.reply?.request?.uri, '/y');
  });

  test('shows the parts and trailers of a foreign server', async () => {
    await using foreign = await startForeignServer(async (_request, response) => {
      response.writeHead(200, { trailer: 'x-end', 'content-type': 'text/event-stream' });
      for (let part = 0; part < 3; part++) {
        response.write(`data: ${part}\n\n`);
        await sleep(30);
      }
      response.addTrailers({ 'x-end': 'yes', 'set-cookie': 'secret' });
      response.end();
    });
    const { calls } = await callHttp(mesh.httpPort('a'), `/@127.0.0.1:${foreign.port}/x`);
    const [call] = calls ?? [];
    assert.equal(call?.answeredBy, 'foreign');
    assert.equal(call?.stream?.chunks, 3);
    assert.deepEqual(call?.trailers, { 'x-end': 'yes', 'set-cookie': '[redacted]' });
    assert.equal(call?.body, 'data: 0\n\ndata: 1\n\ndata: 2\n\n');
  });

  test('statuses, HEAD and statuses without content keep their form', async () => {
    const port = mesh.httpPort('a');
    const failed = await sendHttp(port, '/~trailer[a=b]/~chunks=2/1ms/~status=503/x');
    assert.equal(failed.status, 503);
    assert.equal((JSON.parse(failed.body) as Reply).status, 503);
    assert.equal((await sendHttp(port, '/~events=2/1ms/x', { method: 'HEAD' })).body, '');
    assert.equal((await sendHttp(port, '/~chunks=2/1ms/~status=204/x')).body, '');
  });

  test('the deadline of a request ends its answer, and the caller reports it', async () => {
    const reply = await callHttp(mesh.httpPort('a'), '/@b;timeout=300ms|b;http2;timeout=300ms/~chunks=10/100ms/x');
    assert.deepEqual(
      reply.calls?.map(({ error }) => error?.code),
      ['timeout', 'timeout'],
    );
    assert.equal(reply.status, 504);
  });

  test('parts beyond the limits are refused before anything is sent', async () => {
    const late = await callHttp(mesh.httpPort('a'), '/~chunks=1000/1s/x');
    assert.equal(late.error?.code, 'limit_exceeded');
    const large = await callHttp(mesh.httpPort('a'), '/~events=1000/1ms/~size=1MB/x');
    assert.equal(large.error?.code, 'limit_exceeded');
    assert.match(large.error?.message ?? '', /--max-size/);
  });
});

suite('clients of answers in parts', () => {
  test('that go end the answer, and those that do not read are closed, so that no request is left', async () => {
    await using mesh = await startMesh(['a'], {}, [], { maxRequests: 2, writeTimeoutMs: 2000 });
    const port = mesh.httpPort('a');
    const gone = net.connect(port, '127.0.0.1');
    gone.write('GET /~chunks=100/100ms/x HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(gone, 'data');
    const stuck = net.connect(port, '127.0.0.1');
    stuck.write('GET /~chunks=2/1ms/~size=9MB/x HTTP/1.1\r\nhost: a\r\n\r\n');
    stuck.pause();
    // Both of them are requests before the second one is closed.
    while ((await sendHttp(port, '/x')).status !== 503) await sleep(5);
    gone.destroy();
    const deadlineAt = performance.now() + 15_000;
    for (let free = 0; free < 2; ) {
      const answers = await Promise.all([sendHttp(port, '/~delay=50ms/x'), sendHttp(port, '/~delay=50ms/x')]);
      free = answers.filter(({ status }) => status === 200).length;
      assert.ok(performance.now() < deadlineAt, 'the requests are not over');
    }
    stuck.destroy();
  });
});
