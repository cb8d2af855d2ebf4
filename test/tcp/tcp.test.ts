import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { parseDirectives } from '../../src/plan/parse.ts';
import type { Reply } from '../../src/reply/reply.ts';
import { until } from '../attack/attacked.ts';
import { answered, holds, unknown, verdicts } from '../expect/verdicts.ts';
import { startRawServer } from '../raw-server.ts';
import { callGrpc, callHttp, startMesh, type TestMesh } from '../running-mesh.ts';

/** Sends bytes over a new connection, closes this half, and returns the lines that come back. */
async function exchange(port: number, bytes: string | Buffer): Promise<Reply[]> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(bytes);
  const answer = await text(socket);
  return answer
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Reply);
}

suite('a service at a port of TCP', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh([
      'a',
      { name: 'b', version: 'v1', pod: 'b-1' },
      { name: 'b', version: 'v2', pod: 'b-2' },
      { name: 'slow', behaviour: [{ kind: 'delay', delay: { kind: 'fixed', delayMs: 100 }, conditions: [] }] },
      { name: 'sick', behaviour: [{ kind: 'status', status: 503, conditions: [] }] },
      { name: 'parted', behaviour: parseDirectives('/~size=100KB/~chunks=4/100ms') },
      { name: 'late', behaviour: parseDirectives('/~chunks=4/100ms') },
      { name: 'resets', behaviour: [{ kind: 'close', conditions: [] }] },
    ]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  test('answers each line with a reply in one line that shows the text', async () => {
    const replies = await exchange(mesh.tcpPort('a'), 'hello\r\nwor"ld ünd\nlast');
    assert.deepEqual(
      replies.map(({ service, request, body, status }) => ({ service, request, body, status })),
      ['hello', 'wor"ld ünd', 'last'].map((uri) => ({
        service: 'a',
        request: { protocol: 'tcp', method: '', uri, headers: {} },
        body: `a v1 answers ${uri}`,
        status: 200,
      })),
    );
  });

  test('is called by services over either protocol, over a new connection for each call', async () => {
    const overHttp = await callHttp(mesh.httpPort('a'), '/@tcp:b*4/hello%20world');
    assert.deepEqual(overHttp.calls?.[0]?.summary?.byVersion, { v1: 2, v2: 2 });
    const { reply } = await callGrpc(mesh.grpcPort('a'), { path: '/@tcp:b(/x)|b(/y)' });
    assert.ok(reply);
    const [tcp, http] = reply.calls ?? [];
    assert.equal(tcp?.target, 'b:9000');
    assert.equal(tcp?.scheme, 'tcp');
    assert.equal(tcp?.answeredBy, 'service');
    assert.equal(tcp?.status, 200);
    assert.equal(tcp?.reply?.request?.uri, 'x');
    assert.equal(http?.reply?.request?.uri, '/y');
  });

  test('behaves as its directives say: delays, faults and resets', async () => {
    const { calls = [], status } = await callHttp(mesh.httpPort('a'), '/@tcp:slow|tcp:sick|tcp:resets/x');
    const [slow, sick, reset] = calls;
    assert.equal(status, 502);
    assert.ok((slow?.durationMs ?? 0) >= 99, `${slow?.durationMs} ms`);
    assert.equal(sick?.status, 503);
    assert.match(sick?.reply?.body as string, /with 503, as a directive says/);
    assert.equal(reset?.error?.code, 'reset');
  });

  test('sends its line in parts, which the caller counts', async () => {
    const { calls = [] } = await callHttp(mesh.httpPort('a'), '/@tcp:parted|tcp:late|tcp:parted;timeout=100ms/x');
    const [large, small, cut] = calls;
    assert.equal(large?.reply?.body, 'x'.repeat(100_000));
    assert.ok((large?.stream?.chunks ?? 0) >= 4, `${large?.stream?.chunks} chunks`);
    // The three intervals after the first part, less a wait of this process before it reads that part.
    assert.ok((large?.durationMs ?? 0) >= (large?.stream?.firstByteMs ?? 0) + 100, JSON.stringify(large?.stream));
    assert.deepEqual([small?.stream?.chunks, small?.reply?.behaviour], [4, ['chunks=4/100ms']]);
    assert.equal(cut?.error?.code, 'timeout');
    const checked = answered(await callHttp(mesh.httpPort('a'), '/@tcp:late/x'));
    assert.deepEqual(verdicts('late chunks = 4', checked), holds);
    assert.deepEqual(verdicts('late trailer x-sum exists = 0', checked), unknown);
  });

  test('also answers HTTP at that port, as many ports that are declared as TCP carry it', async () => {
    const overHttp = await callHttp(mesh.tcpPort('a'), '/hello');
    assert.deepEqual([overHttp.request?.protocol, overHttp.request?.uri], ['http', '/hello']);
  });

  test('refuses a line that is too long', async () => {
    const [long] = await exchange(mesh.tcpPort('a'), `${'x'.repeat(70_000)}\nnext\n`);
    assert.equal(long?.status, 400);
    assert.match(long?.error?.message ?? '', /at most 64 KiB/);
  });

  test('ends its connections when it stops, after the answer that a client waits for', async () => {
    await using other = await startMesh([
      { name: 'slow', behaviour: [{ kind: 'delay', delay: { kind: 'fixed', delayMs: 300 }, conditions: [] }] },
    ]);
    const idle = net.connect({ port: other.tcpPort('slow'), host: '127.0.0.1' });
    const busy = net.connect({ port: other.tcpPort('slow'), host: '127.0.0.1' });
    busy.write('hello\n');
    await Promise.all([once(idle, 'connect'), once(busy, 'connect')]);
    const answered = text(busy);
    // It has the line of the other, since it answers this one.
    await exchange(other.tcpPort('slow'), 'x\n');
    await Promise.all([other.services.get('slow')?.stop(), once(idle.resume(), 'close')]);
    assert.match(await answered, /"uri":"hello"/);
  });

  test('answers the first line of a connection that it has accepted before it stops', async () => {
    await using other = await startMesh(['late']);
    const socket = net.connect({ port: other.tcpPort('late'), host: '127.0.0.1' });
    await once(socket, 'connect');
    await exchange(other.tcpPort('late'), 'x\n');
    const stopped = other.services.get('late')?.stop();
    const answered = text(socket);
    // Later than the drain of 200 ms.
    setTimeout(() => socket.write('hello\n'), 500);
    assert.match(await answered, /"uri":"hello"/);
    await stopped;
  });
});

suite('a call over TCP', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['a']);
  });
  after(() => mesh[Symbol.asyncDispose]());

  /** Calls a server that does what the function says with its connections. */
  async function callRaw(onConnection: (socket: net.Socket) => void, options = '') {
    await using server = await startRawServer(onConnection);
    const { calls = [] } = await callHttp(mesh.httpPort('a'), `/@tcp:127.0.0.1:${server.port}${options}/hello`);
    return calls[0];
  }

  test('shows the line of a server that is not a meshmock', async () => {
    const call = await callRaw((socket) => socket.once('data', (line: Buffer) => socket.write(`one ${line}more`)));
    assert.equal(call?.answeredBy, 'foreign');
    assert.equal(call?.body, 'one hello');
    assert.equal(call?.status, 200);
  });

  test('shows the first bytes of a server that speaks first and ends no line', async () => {
    const call = await callRaw((socket) => socket.write('J\0\0\0greeting'));
    assert.equal(call?.body, 'J\0\0\0greeting');
    const json = await callRaw((socket) => socket.write('{"ok":true}'));
    assert.deepEqual([json?.answeredBy, json?.body], ['foreign', '{"ok":true}']);
  });

  test('does not take a forged or broken reply for one', async () => {
    const forged = await callRaw((socket) => socket.once('data', () => socket.write('{"service":"x","calls":7}\n')));
    assert.equal(forged?.answeredBy, 'foreign');
    const broken = await callRaw((socket) => socket.once('data', () => socket.end('{"service":"x","sta')));
    assert.equal(broken?.answeredBy, 'foreign');
  });

  test('has an error if there is no answer: closed, refused, too late, or an unknown name', async () => {
    const closed = await callRaw((socket) => socket.once('data', () => socket.end()));
    assert.equal(closed?.error?.code, 'reset');
    const late = await callRaw(() => {}, ';timeout=50ms');
    assert.equal(late?.error?.code, 'timeout');
    const { calls = [] } = await callHttp(mesh.httpPort('a'), '/@tcp:127.0.0.1:1|tcp:no.such.invalid/x');
    assert.deepEqual(
      calls.map(({ error }) => error?.code),
      ['refused', 'dns'],
    );
  });

  test('does not dial a blocked address', async () => {
    const { calls = [] } = await callHttp(mesh.httpPort('a'), '/@tcp:169.254.169.254|tcp:0xa9fea9fe/x');
    assert.deepEqual(
      calls.map(({ error }) => error?.code),
      ['blocked', 'blocked'],
    );
  });

  test('ends with its client, and closes its connection', async () => {
    let open = 0;
    await using server = await startRawServer((socket) => {
      open++;
      socket.once('close', () => open--);
    });
    const stop = new AbortController();
    const request = fetch(`http://127.0.0.1:${mesh.httpPort('a')}/@tcp:127.0.0.1:${server.port}/x`, {
      signal: stop.signal,
    });
    await until('the call is open', 10_000, () => open === 1);
    stop.abort();
    await assert.rejects(request);
    await until('the call is closed', 10_000, () => open === 0);
  });
});
