import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { startRawServer } from '../raw-server.ts';
import { sendHttp } from '../running-mesh.ts';
import { type Attacked, startAttacked, until } from './attacked.ts';
import { connect, httpRequest, statusesIn } from './raw-connection.ts';
import { call, emptySettings, frameTooLarge, goaway, openCall, preface } from './raw-http2.ts';

suite('connections of clients that break the rules', () => {
  let attacked: Attacked;
  before(async () => {
    const timeouts = ['--read-timeout', '1s', '--write-timeout', '1s', '--deadline', '5s'];
    attacked = await startAttacked([...timeouts, '--max-idle-connections', '20', '--max-pipelined', '4']);
  });
  after(() => attacked[Symbol.asyncDispose]());

  test('a reset and an error on the same connection do not lose its descriptor', async () => {
    await attacked.probe();
    const openBefore = attacked.descriptors();
    const badChunk = `${httpRequest('/~close/x', 'transfer-encoding: chunked')}ZZ\r\n`;
    const badNext = `${httpRequest('/~close/x')}BAD /x\r\n\r\n`;
    const lastBefore = `${httpRequest('/x', 'connection: close')}${httpRequest('/~close/x')}`;
    for (const bytes of [badChunk, badNext, lastBefore]) {
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          using client = await connect(attacked.httpPort);
          client.send(bytes);
          await client.closed();
        }),
      );
    }
    await until('the descriptors are closed', 10_000, () => attacked.descriptors() <= openBefore);
  });

  test('bytes that are not a request are answered after the requests before them', async () => {
    using client = await connect(attacked.httpPort);
    client.send(`${httpRequest('/~delay=100ms/x')}NONSENSE\r\n\r\n`);
    assert.deepEqual(statusesIn(await client.closed()), [200, 400]);
  });

  test('an ignored upgrade ends its connection, so that bytes after it do not wait for an answer', async () => {
    using client = await connect(attacked.httpPort);
    client.send(httpRequest('/x', 'connection: upgrade', 'upgrade: x'));
    assert.deepEqual(statusesIn(await client.closed()), [200]);
  });

  test('a client that offers HTTP/2 keeps its connection', async () => {
    using client = await connect(attacked.httpPort);
    client.send(
      httpRequest('/x', 'connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAAP__'),
    );
    await until('the first is answered', 10_000, () => statusesIn(client.received).length === 1);
    client.send(httpRequest('/y'));
    await until('both are answered', 10_000, () => statusesIn(client.received).length === 2);
    assert.deepEqual(statusesIn(client.received), [200, 200]);
  });

  test('a request that does not arrive in time is answered with 408, and counted', async () => {
    using client = await connect(attacked.httpPort);
    client.send('GET /x HTTP/1.1\r\nhost: a\r\nx-slow: ');
    const answer = await client.closed();
    assert.deepEqual(statusesIn(answer), [408]);
    assert.match(answer, /"request_timeout".*--read-timeout/s);
    assert.ok(((await attacked.metrics())['refused_total{bound="read-timeout"}'] ?? 0) >= 1);
  });

  test('a call whose message does not arrive in time is ended', async () => {
    const late = async (): Promise<number> => (await attacked.metrics())['refused_total{bound="read-timeout"}'] ?? 0;
    const before = await late();
    using client = await connect(attacked.grpcPort);
    client.send(Buffer.concat([preface(), openCall(1), openCall(3)]));
    // It may be over before it is seen.
    await until('both are ended', 10_000, async () => (await late()) === before + 2);
    await until('both are over', 10_000, async () => (await attacked.metrics()).requests_in_flight === undefined);
  });

  test('a client that sends GOAWAY and then breaks the protocol does not keep a descriptor', async () => {
    await attacked.probe();
    const openBefore = attacked.descriptors();
    using client = await connect(attacked.grpcPort);
    client.send(Buffer.concat([preface(), openCall(1), goaway(), frameTooLarge]));
    await until('the connection is closed', 60_000, () => client.isClosed);
    await until('the descriptor is closed', 10_000, () => attacked.descriptors() <= openBefore);
  });

  for (const { name, bytes } of [
    { name: 'breaks the protocol', bytes: Buffer.concat([goaway(), frameTooLarge]) },
    { name: 'keeps its half of the connection open', bytes: goaway() },
  ])
    test(`a callee that sends GOAWAY and ${name} does not keep a descriptor`, async () => {
      await using callee = await startRawServer((socket) => {
        socket.allowHalfOpen = true;
        socket.write(emptySettings);
        socket.once('data', () => socket.write(bytes));
      });
      await attacked.probe();
      const openBefore = attacked.descriptors();
      for (let count = 0; count < 5; count++)
        await sendHttp(attacked.httpPort, `/@grpc:127.0.0.1:${callee.port};timeout=100ms/x`);
      await until('the descriptors are closed', 60_000, () => attacked.descriptors() <= openBefore);
    });

  test('a callee that says nothing and keeps its half of the connection open does not keep a descriptor', async () => {
    let connections = 0;
    await using callee = await startRawServer((socket) => {
      connections++;
      socket.allowHalfOpen = true;
    });
    await attacked.probe();
    const openBefore = attacked.descriptors();
    for (let count = 0; count < 5; count++)
      await sendHttp(attacked.httpPort, `/@grpc:127.0.0.1:${callee.port};timeout=100ms/x`);
    // No stream is ever sent on these connections, since their calls are over before the first SETTINGS.
    assert.ok(connections > 0);
    await until('the descriptors are closed', 60_000, () => attacked.descriptors() <= openBefore);
  });

  test('a line over TCP that does not end is not awaited for ever, and no descriptor is lost', async () => {
    await attacked.probe();
    const openBefore = attacked.descriptors();
    using begun = await connect(attacked.tcpPort);
    using reset = await connect(attacked.tcpPort);
    begun.send('hel');
    reset.send('hello\nhel');
    await until('the line is answered', 10_000, () => reset.received.includes('"uri":"hello"'));
    reset.socket.resetAndDestroy();
    await until('the other connection is closed', 10_000, () => begun.isClosed);
    await until('the descriptors are closed', 10_000, () => attacked.descriptors() <= openBefore);
  });

  test('a client over TCP that does not read holds one answer, and is closed', async () => {
    await using sized = await startAttacked(['--write-timeout', '1s', '--behaviour', '/~size=10MB']);
    using client = await connect(sized.tcpPort, { reads: false });
    client.send('x\n'.repeat(1000));
    await until('the first is answered', 10_000, async () => (await sized.metrics()).requests_in_flight === 1);
    await until('the connection is given up', 10_000, async () => (await sized.metrics()).connections === undefined);
    assert.deepEqual(await sized.metrics(), { 'refused_total{bound="write-timeout"}': 1 });
  });

  test('the connection of a client that does not read is closed, and counted, over both protocols', async () => {
    using http = await connect(attacked.httpPort, { reads: false });
    using grpc = await connect(attacked.grpcPort);
    http.send(httpRequest('/~size=10MB/x'));
    grpc.send(Buffer.concat([preface(0), call(1, '/~size=1MB/x')]));
    await until('both are answered', 10_000, async () => (await attacked.metrics()).requests_in_flight === 2);
    await until('both are given up', 10_000, async () => (await attacked.metrics()).requests_in_flight === undefined);
    assert.ok(((await attacked.metrics())['refused_total{bound="write-timeout"}'] ?? 0) >= 2);
  });

  test('a client that reads slowly, but reads, gets its whole answer', async () => {
    using client = await connect(attacked.httpPort, { reads: false });
    client.send(httpRequest('/~size=6MB/x', 'connection: close'));
    let bytes = 0;
    // Two seconds in total, which is longer than the timeout.
    client.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      client.socket.pause();
      setTimeout(() => client.socket.resume(), 20);
    });
    await client.closed();
    assert.ok(bytes > 6_000_000, String(bytes));
  });

  test('a service that itself stood still for longer than its timeouts answers its clients', async () => {
    using http = await connect(attacked.httpPort, { reads: false });
    using grpc = await connect(attacked.grpcPort, { reads: false });
    http.send(httpRequest('/~size=10MB/x', 'connection: close'));
    grpc.send(Buffer.concat([preface(2 ** 31 - 1), call(1, '/~size=10MB/x')]));
    await until('both are answered', 10_000, async () => (await attacked.metrics()).requests_in_flight === 2);
    attacked.signal('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    attacked.signal('SIGCONT');
    let bytes = 0;
    http.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    grpc.socket.resume();
    await http.closed();
    assert.ok(bytes > 10_000_000, `${bytes} bytes`);
    await until(
      'both have their answers',
      10_000,
      async () => (await attacked.metrics()).requests_in_flight === undefined,
    );
  });

  test('of too many connections without a request, the oldest are closed, and probes are answered', async () => {
    const clients = await Promise.all(Array.from({ length: 60 }, () => connect(attacked.httpPort)));
    try {
      clients[0]?.send(httpRequest('/~hang/x'));
      assert.equal(await attacked.probe(), 200);
      await until('40 are closed', 10_000, () => clients.filter(({ isClosed }) => isClosed).length >= 38);
      assert.equal(await attacked.probe(), 200);
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
  });

  test('pipelined requests run a few at a time, in their order, and none is lost', async () => {
    using client = await connect(attacked.httpPort);
    const count = 500;
    client.send(Array.from({ length: count }, (_, index) => httpRequest(`/~delay=1ms/${index}`)).join(''));
    await until('all are answered', 20_000, () => statusesIn(client.received).length === count);
    const uris = [...client.received.matchAll(/answers GET \/(\d+)"/g)].map(([, index]) => Number(index));
    assert.deepEqual(
      uris,
      Array.from({ length: count }, (_, index) => index),
    );
  });

  test('pipelined requests are all answered if their client reads in small steps', async () => {
    using client = await connect(attacked.httpPort, { reads: false });
    let received = '';
    client.socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      client.socket.pause();
      setTimeout(() => client.socket.resume(), 2);
    });
    const count = 200;
    client.send(
      Array.from({ length: count }, (_, index) => httpRequest(`/~size=60KB/~delay=1ms-9ms/${index}`)).join(''),
    );
    await until('all are answered', 30_000, () => client.isClosed || statusesIn(received).length === count);
    assert.equal(statusesIn(received).length, count);
    assert.equal(attacked.end, undefined);
  });

  test('a connection with thousands of requests that hang runs only as many as it may', async () => {
    using client = await connect(attacked.httpPort);
    for (let chunk = 0; chunk < 20; chunk++) client.send(httpRequest('/~hang/x').repeat(500));
    await until('some run', 10_000, async () => ((await attacked.metrics()).requests_in_flight ?? 0) > 0);
    assert.equal((await attacked.metrics()).requests_in_flight, 4);
    assert.equal(await attacked.probe(), 200);
  });

  test('requests that wait end with their connection', async () => {
    await until('nothing runs', 10_000, async () => (await attacked.metrics()).requests_in_flight === undefined);
    assert.equal((await sendHttp(attacked.httpPort, '/x')).status, 200);
    assert.equal(attacked.end, undefined);
  });
});
