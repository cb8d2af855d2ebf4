import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import type { Reply } from '../../src/reply/reply.ts';
import { answered, fails, holds, verdicts } from '../expect/verdicts.ts';
import { callGrpc, callHttp, sendHttp, startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';

interface Http2Answer {
  readonly headers: http2.IncomingHttpHeaders & { ':status'?: number };
  readonly body: string;
}

/** Sends a request over a connection of HTTP/2. */
async function send(
  session: http2.ClientHttp2Session,
  path: string,
  headers: object = {},
  body?: string,
): Promise<Http2Answer> {
  const stream = session.request(
    { ':path': path, accept: 'application/json', ...headers },
    { endStream: body === undefined },
  );
  if (body !== undefined) stream.end(body);
  const [received] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  return { headers: received, body: await text(stream) };
}

suite('HTTP/2 without TLS', () => {
  let mesh: TestMesh;
  let session: http2.ClientHttp2Session;
  before(async () => {
    mesh = await startMesh(['a', { name: 'b', version: 'v1', pod: 'b-1' }, { name: 'b', version: 'v2', pod: 'b-2' }]);
    session = http2.connect(`http://127.0.0.1:${mesh.httpPort('a')}`);
  });
  after(async () => {
    session.close();
    await mesh[Symbol.asyncDispose]();
  });

  test('is served at the port of HTTP/1.1, with the same answer', async () => {
    const { headers, body } = await send(session, '/@b/x', { 'x-request-id': 'r1', cookie: 'a=b' });
    assert.equal(headers[':status'], 200);
    assert.equal(headers['x-meshmock'], 'a/v1');
    assert.equal(headers['content-type'], 'application/json; charset=utf-8');
    const reply = JSON.parse(body) as Reply;
    assert.deepEqual(reply.request, {
      protocol: 'http',
      method: 'GET',
      uri: '/@b/x',
      headers: {
        host: `127.0.0.1:${mesh.httpPort('a')}`,
        accept: 'application/json',
        'x-request-id': 'r1',
        cookie: '[redacted]',
      },
      httpVersion: '2',
    });
    assert.equal(reply.calls?.[0]?.reply?.request?.httpVersion, undefined);
    const { request } = await callHttp(mesh.httpPort('a'), '/x');
    assert.equal(request?.httpVersion, undefined);
  });

  test('expectations are about the version of HTTP at both ends, HTTP/1.0 too', async () => {
    const called = answered(await callHttp(mesh.httpPort('a'), '/@b;http2|grpc:b|b/x'));
    assert.deepEqual(verdicts('b http-version 2 = 2', called), holds);
    assert.deepEqual(verdicts('b caller-http-version 1.1 = 1', called), holds);
    assert.deepEqual(verdicts('http-version = 2', called), fails);
    const socket = net.connect(mesh.httpPort('a'), '127.0.0.1');
    socket.write('GET /x HTTP/1.0\r\naccept: application/json\r\n\r\n');
    const [, body = ''] = (await text(socket)).split('\r\n\r\n');
    assert.deepEqual(verdicts('http-version = 1.0', answered(JSON.parse(body) as Reply)), holds);
  });

  test('is called with ;http2, at each port that speaks it', async () => {
    const targets = `b;http2*2|127.0.0.1:${mesh.grpcPort('a')};http2|127.0.0.1:${mesh.tcpPort('a')};http2`.replace(
      ';http2*2',
      '*2;http2',
    );
    const { calls = [] } = await callHttp(mesh.httpPort('a'), `/@${targets}/x`);
    assert.deepEqual(
      calls.map(({ status, httpVersion }) => [status, httpVersion]),
      [
        [200, '2'],
        [200, '2'],
        [200, '2'],
      ],
    );
    assert.deepEqual(calls[0]?.summary?.byVersion, { v1: 1, v2: 1 });
  });

  test('carries methods, bodies, faults and long answers', async () => {
    const posted = await send(session, '/x', { ':method': 'POST', 'content-type': 'text/plain' }, 'x'.repeat(200_000));
    assert.equal((JSON.parse(posted.body) as Reply).body, 'a v1 answers POST /x');
    const failed = await send(session, '/~header[x-a=b]/~status=503/x');
    assert.equal(failed.headers[':status'], 503);
    assert.equal(failed.headers['x-a'], 'b');
    const large = await send(session, '/~size=3MB/x');
    assert.ok(large.body.length > 3_000_000);
    const head = await send(session, '/x', { ':method': 'HEAD' });
    assert.equal(head.body, '');
    const wrong = await send(session, '/@/x');
    assert.equal(wrong.headers[':status'], 400);
  });

  test('answers probes and explains plans', async () => {
    assert.equal((await send(session, '/-/healthy')).body, 'healthy\n');
    assert.equal((JSON.parse((await send(session, '/-/plan/@b/x')).body) as { calls: number }).calls, 1);
    assert.equal((await send(session, '/-/nothing')).headers[':status'], 404);
  });

  test('~close resets one stream, and the others go on', async () => {
    const reset = session.request({ ':path': '/~close/x' });
    const slow = send(session, '/~delay=100ms/x');
    const [error] = (await once(reset, 'error')) as [Error];
    assert.match(error.message, /NGHTTP2_INTERNAL_ERROR/);
    assert.equal((await slow).headers[':status'], 200);
  });

  test('cancels the calls of a stream whose client resets it', async () => {
    await using slow = await startForeignServer(() => {});
    const stream = session.request({ ':path': `/@b/@127.0.0.1:${slow.port}/x` });
    const canceled = mesh.arrivals.length;
    while (slow.open === 0) await new Promise((r) => setTimeout(r, 5));
    stream.close(http2.constants.NGHTTP2_CANCEL);
    const deadlineAt = performance.now() + 5000;
    while (mesh.arrivals.length < canceled + 2 && performance.now() < deadlineAt)
      await new Promise((r) => setTimeout(r, 20));
    assert.deepEqual(
      mesh.arrivals
        .slice(canceled)
        .map(({ service }) => service)
        .sort(),
      ['a', 'b'],
    );
  });

  test('also carries gRPC at the port of HTTP', async () => {
    const { reply } = await callGrpc(mesh.httpPort('a'), { path: '/x' });
    assert.equal(reply?.request?.protocol, 'grpc');
  });

  test('a request to upgrade is answered with HTTP/1.1', async () => {
    const headers = { connection: 'upgrade, http2-settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' };
    assert.equal((await sendHttp(mesh.httpPort('a'), '/x', { headers })).status, 200);
  });

  test('begins in any pieces, from four bytes on', async () => {
    const socket = net.connect(mesh.httpPort('a'), '127.0.0.1');
    socket.setNoDelay();
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    socket.write(preface.slice(0, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.write(preface.slice(5));
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    const [first] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    // A frame of settings.
    assert.equal(first[3], 4);
  });
});

suite('the limits of a service over HTTP/2', () => {
  test('refuse requests without room, end streams that are not read, and bound the streams of a connection', async () => {
    await using mesh = await startMesh(['a'], {}, [], {
      maxRequests: 2,
      readTimeoutMs: 400,
      writeTimeoutMs: 300,
      maxStreams: 5,
    });
    const session = http2.connect(`http://127.0.0.1:${mesh.httpPort('a')}`);
    await once(session, 'remoteSettings');
    assert.equal(session.remoteSettings.maxConcurrentStreams, 5);
    const first = send(session, '/~delay=200ms/x');
    const second = send(session, '/~delay=200ms/x');
    const third = await send(session, '/x');
    assert.equal(third.headers[':status'], 503);
    assert.equal(third.headers['retry-after'], '1');
    assert.match(third.body, /--max-requests/);
    assert.equal((await send(session, '/-/ready')).headers[':status'], 200);
    assert.equal((await first).headers[':status'], 200);
    assert.equal((await second).headers[':status'], 200);
    const stuck = session.request({ ':path': '/~size=2MB/x' });
    stuck.pause();
    const startedAt = performance.now();
    stuck.on('error', () => {});
    await once(stuck, 'close');
    assert.ok(performance.now() - startedAt < 5000);
    session.close();
  });

  test('hold for a stop: an idle connection gets GOAWAY, and a request in flight its answer', async () => {
    const mesh = await startMesh(['a']);
    const session = http2.connect(`http://127.0.0.1:${mesh.httpPort('a')}`);
    await once(session, 'remoteSettings');
    const slow = send(session, '/~delay=300ms/x');
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = once(session, 'close');
    await mesh[Symbol.asyncDispose]();
    assert.equal((await slow).headers[':status'], 200);
    await closed;
  });
});
