import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { PieceReader } from '../../src/http/streams/piece-reader.ts';
import type { Reply } from '../../src/reply/reply.ts';
import { callHttp, sendHttp, startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';

const address = { host: '127.0.0.1', port: 0 };

/** Waits until all connections of a server are closed, for less than the deadline of a request. */
async function untilClosed(server: { readonly open: number }): Promise<void> {
  const until = performance.now() + 5000;
  while (server.open > 0 && performance.now() < until) await sleep(5);
  assert.equal(server.open, 0);
}

/** Opens a WebSocket, sends messages at once, and returns as many answers. */
async function exchange(url: string, messages: readonly (string | Buffer)[], headers = {}): Promise<string[]> {
  const socket = new WebSocket(url, { headers });
  const answers: string[] = [];
  const all = Promise.withResolvers<void>();
  socket.on('message', (data, isBinary) => {
    answers.push(isBinary ? `binary ${(data as Buffer).toString('hex')}` : String(data));
    if (answers.length === messages.length) all.resolve();
  });
  socket.on('error', all.reject).once('close', () => all.resolve());
  await once(socket, 'open');
  for (const message of messages) socket.send(message);
  await all.promise;
  socket.terminate();
  return answers;
}

suite('WebSockets', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['a', 'b', { name: 'secure', tls: { addresses: [address], isInsecure: true } }], {}, [
      'x-user',
    ]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const url = (name: string, path = '/chat'): string => `ws://127.0.0.1:${mesh.httpPort(name)}${path}`;

  test('send messages back, and execute those that are paths, one after another', async () => {
    const sent = ['hello', '/~delay=50ms/@b/x', Buffer.from([1, 2, 255]), '', 'ünd'];
    const answers = await exchange(url('a'), sent);
    const reply = JSON.parse(answers[1] ?? '') as Reply;
    assert.equal(reply.calls?.[0]?.reply?.body, 'b v1 answers GET /x');
    assert.deepEqual([answers[0], ...answers.slice(2)], ['hello', 'binary 0102ff', '', 'ünd']);
  });

  test('answer a message that is not a plan with the error and its place', async () => {
    const [answer] = await exchange(url('a'), ['/@b,/x']);
    const reply = JSON.parse(answer ?? '') as Reply;
    assert.equal(reply.error?.code, 'invalid_plan');
    assert.equal(reply.error?.offset, 4);
  });

  test('are called with ws: and wss:, with the headers and the trace of the request in the handshake', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const headers = { traceparent, 'x-user': 'jason' };
    const port = mesh.httpPort('secure');
    const { calls = [] } = await callHttp(port, '/@ws:a[x-one=1]|wss:secure(/y)/@b/x', headers);
    const [plain, secure] = calls;
    assert.deepEqual([plain?.status, plain?.scheme, plain?.target], [200, 'ws', 'a:8080']);
    const received = plain?.reply?.request?.headers;
    assert.equal(received?.upgrade, 'websocket');
    assert.equal(received?.host, 'a:8080');
    assert.equal(received?.['x-one'], '1');
    assert.equal(received?.['x-user'], 'jason');
    assert.match(received?.traceparent ?? '', /^00-0af7651916cd43dd8448eb211c80319c-/);
    assert.equal(plain?.reply?.calls?.[0]?.reply?.request?.headers?.['x-user'], 'jason');
    assert.equal(secure?.tls?.peer, 'secure');
    assert.equal(secure?.reply?.request?.tls?.sni, 'secure');
  });

  test('are called with wss: at an address, without a name for SNI', async () => {
    const path = `/@wss:127.0.0.1:${mesh.tlsPort('secure')}/x`;
    const { calls = [] } = await callHttp(mesh.httpPort('secure'), path);
    assert.equal(calls[0]?.status, 200);
    assert.equal(calls[0]?.reply?.request?.tls?.sni, undefined);
  });

  test('carry directives: statuses, delays, resets, and the timeout of the caller', async () => {
    const path = '/@ws:b(/~status=503/x)|ws:b(/~close/x)|ws:b;timeout=200ms(/~hang/x)|ws:b*5(/~delay=20ms/x)';
    const reply = await callHttp(mesh.httpPort('a'), `${path}/x`.replace(/\/x$/, ''));
    const [sick, reset, late, repeated] = reply.calls ?? [];
    assert.equal(sick?.status, 503);
    assert.equal(reset?.error?.code, 'reset');
    // The deadline of the callee passes a little earlier, and its answer may still arrive.
    assert.ok(late?.error?.code === 'timeout' || late?.status === 504, JSON.stringify(late));
    assert.deepEqual(repeated?.summary?.byStatus, { 200: 5 });
  });

  test('show a foreign server: its message, its silence, or the status with which it refuses the handshake', async () => {
    const http = createServer();
    const server = new WebSocketServer({ server: http });
    server.on('connection', (socket, request) => {
      if (request.url === '/echo') socket.on('message', (data) => socket.send(`got ${String(data)}`));
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    await using foreign = await startForeignServer((_request, response) => {
      response.writeHead(403, { server: 'envoy' });
      response.end('RBAC: access denied');
    });
    const { port } = http.address() as AddressInfo;
    const path = `/@ws:127.0.0.1:${port}(/echo)|ws:127.0.0.1:${port}(/mute)|ws:127.0.0.1:${foreign.port}(/x)`;
    const { calls } = await callHttp(mesh.httpPort('a'), path);
    const [echo, mute, denied] = calls ?? [];
    assert.deepEqual([echo?.answeredBy, echo?.status, echo?.body], ['foreign', 101, 'got /echo']);
    assert.deepEqual([mute?.answeredBy, mute?.status, mute?.body], ['foreign', 101, undefined]);
    assert.deepEqual([denied?.answeredBy, denied?.status], ['proxy', 403]);
    assert.equal(denied?.mesh?.refusal?.reason, 'rbac_denied');
    server.close();
    http.closeAllConnections();
    http.close();
  });

  test('fail as connections do, and are blocked as other calls', async () => {
    const { calls } = await callHttp(
      mesh.httpPort('a'),
      '/@ws:127.0.0.1:1|ws:nosuchhost.invalid|ws:169.254.169.254:80/x',
    );
    assert.deepEqual(
      calls?.map(({ error }) => error?.code),
      ['refused', 'dns', 'blocked'],
    );
  });

  test('follow the answers to earlier requests of their connection', async () => {
    const socket = net.connect(mesh.httpPort('a'), '127.0.0.1');
    const handshake =
      'upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==';
    socket.write(
      `GET /~delay=100ms/x HTTP/1.1\r\nhost: a\r\n\r\nGET /~delay=50ms/y HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n${handshake}\r\n\r\n`,
    );
    let received = '';
    for await (const chunk of socket) {
      received += String(chunk);
      // A text of two characters, masked with zeros, and the same one as the answer.
      if (received.endsWith('\r\n\r\n') && received.includes(' 101 '))
        socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
      if (received.endsWith('\x02hi')) break;
    }
    assert.deepEqual(received.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 101']);
  });

  test('leave other upgrades and broken handshakes to HTTP', async () => {
    for (const headers of [{ upgrade: 'h2c' }, { upgrade: 'websocket' }, { upgrade: 'foo' }]) {
      const { status } = await sendHttp(mesh.httpPort('a'), '/x', { headers: { connection: 'upgrade', ...headers } });
      assert.equal(status, 200);
    }
    const wrong = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'no',
      'sec-websocket-version': '13',
    };
    assert.equal((await sendHttp(mesh.httpPort('a'), '/x', { headers: wrong })).status, 400);
  });
});

suite('a client of a WebSocket that goes while its plan runs', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['gateway', 'a', { name: 'secure', tls: { addresses: [address], isInsecure: true } }]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const urls = {
    plain: (): string => `ws://127.0.0.1:${mesh.httpPort('a')}/x`,
    secure: (): string => `wss://127.0.0.1:${mesh.tlsPort('secure')}/x`,
  };

  /** Opens a WebSocket whose plan calls a server that does not answer. */
  async function openBusy(url: string, slow: { readonly open: number; readonly port: number }): Promise<WebSocket> {
    const socket = new WebSocket(url, { rejectUnauthorized: false });
    socket.on('error', () => {});
    await once(socket, 'open');
    socket.send(`/@127.0.0.1:${slow.port}/x`);
    while (slow.open < 1) await sleep(5);
    return socket;
  }

  for (const [name, url] of Object.entries(urls)) {
    test(`ends the plan when it closes its connection after a Close frame and further messages, ${name}`, async () => {
      await using slow = await startForeignServer(() => {});
      const socket = await openBusy(url(), slow);
      const before = mesh.arrivals.length;
      for (let count = 0; count < 20; count++) socket.send('x'.repeat(1000));
      socket.close();
      await sleep(100);
      assert.equal(slow.open, 1, 'a Close frame alone does not end the plan');
      socket.terminate();
      await untilClosed(slow);
      while (mesh.arrivals.length === before) await sleep(5);
      assert.equal(mesh.arrivals.length, before + 1, 'the messages of a client that has gone are not answered');
      assert.equal(mesh.arrivals.at(-1)?.status, 499);
    });

    test(`ends the plan when it closes its connection without a Close frame, ${name}`, async () => {
      await using slow = await startForeignServer(() => {});
      const socket = await openBusy(url(), slow);
      socket.terminate();
      await untilClosed(slow);
    });
  }

  test('gets the answer to the last message before its Close frame if it waits for the end of the WebSocket', async () => {
    const socket = new WebSocket(urls.plain());
    const answers: string[] = [];
    socket.on('message', (data) => answers.push(String(data)));
    await once(socket, 'open');
    socket.send('/~delay=200ms/x');
    await sleep(50);
    socket.send('last');
    socket.close(4001, 'enough');
    const [code] = (await once(socket, 'close')) as [number];
    assert.equal(code, 4001);
    assert.equal(answers.length, 2);
    assert.equal((JSON.parse(answers[0] ?? '') as Reply).status, 200);
    assert.equal(answers[1], 'last');
  });

  test('ends the calls of the services below, which are called over WebSockets too', async () => {
    await using slow = await startForeignServer(() => {});
    const client = new AbortController();
    const path = `/@ws:a/@ws:gateway/@127.0.0.1:${slow.port}/x`;
    const sent = sendHttp(mesh.httpPort('gateway'), path, { signal: client.signal });
    while (slow.open < 1) await sleep(5);
    client.abort();
    await assert.rejects(sent);
    await untilClosed(slow);
  });

  test('takes room for what waits, gives it back when it is read or goes, and is not read without room', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    let held = 0;
    let most = 1_000_000;
    const room = {
      beginWaiting(bytes: number): boolean {
        if (held + bytes > most) return false;
        held += bytes;
        return true;
      },
      endWaiting(bytes: number): void {
        held -= bytes;
      },
    };
    const { port } = server.address() as AddressInfo;
    const open = async (): Promise<{ client: WebSocket; reader: PieceReader; socket: net.Socket }> => {
      const connected = once(server, 'connection') as Promise<[WebSocket, IncomingMessage]>;
      const client = new WebSocket(`ws://127.0.0.1:${port}`);
      const [accepted, { socket }] = await connected;
      const reader = new PieceReader(socket, accepted, room);
      const isHeld = new Promise<void>((resolve) => {
        accepted.once('message', () => {
          reader.hold();
          resolve();
        });
      });
      if (client.readyState !== WebSocket.OPEN) await once(client, 'open');
      client.send('first');
      await isHeld;
      client.send(Buffer.alloc(20_000));
      return { client, reader, socket };
    };
    const until = async (holds: () => boolean): Promise<void> => {
      for (let tries = 0; tries < 500 && !holds(); tries++) await sleep(10);
      assert.ok(holds(), `${held} bytes are held`);
    };
    const one = await open();
    await until(() => held > 20_000);
    one.reader.release();
    assert.equal(held, 0);
    const other = await open();
    await until(() => held > 20_000);
    other.client.terminate();
    await until(() => held === 0);
    most = 0;
    const refused = await open();
    await until(() => refused.socket.isPaused());
    for (const { client } of [one, other, refused]) client.terminate();
    server.close();
  });

  test('is not read further when it has sent 64 KiB, whatever it sends', async () => {
    await using slow = await startForeignServer(() => {});
    const socket = await openBusy(urls.plain(), slow);
    const payload = Buffer.alloc(60_000, 'x');
    for (let count = 0; count < 1000; count++) socket.send(payload);
    await sleep(300);
    assert.ok(socket.bufferedAmount > 10_000_000, `${socket.bufferedAmount} bytes wait at the client`);
    socket.terminate();
  });
});

suite('the limits of WebSockets', () => {
  test('close those whose messages are too large or break the protocol, and keep the others', async () => {
    await using mesh = await startMesh(['a']);
    const url = `ws://127.0.0.1:${mesh.httpPort('a')}/x`;
    const kept = new WebSocket(url);
    await once(kept, 'open');
    const large = new WebSocket(url);
    await once(large, 'open');
    large.send('x'.repeat(70_000));
    const [code] = (await once(large, 'close')) as [number];
    assert.equal(code, 1009);
    const raw = net.connect(mesh.httpPort('a'), '127.0.0.1');
    raw.write(
      'GET /x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    await once(raw, 'data');
    // A frame without a mask.
    raw.write(Buffer.from([0x81, 1, 0x61]));
    raw.on('error', () => {});
    raw.resume();
    await once(raw, 'close');
    kept.send('still here');
    const [answer] = (await once(kept, 'message')) as [Buffer];
    assert.equal(String(answer), 'still here');
    kept.terminate();
  });

  test('refuse a message without room, and count each one as a request', async () => {
    await using mesh = await startMesh(['a'], {}, [], { maxRequests: 1 });
    const url = `ws://127.0.0.1:${mesh.httpPort('a')}/x`;
    const asked = Promise.withResolvers<() => void>();
    await using foreign = await startForeignServer((_request, response) => asked.resolve(() => response.end()));
    const slow = exchange(url, [`/@127.0.0.1:${foreign.port}/x`]);
    const answer = await asked.promise;
    const [refused] = await exchange(url, ['/x']);
    assert.match((JSON.parse(refused ?? '') as Reply).error?.message ?? '', /--max-requests/);
    answer();
    assert.equal((await slow).length, 1);
  });

  test('end a call when a message that arrives has more bytes than an answer may have', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    server.on('upgrade', (request, socket) => {
      socket.on('error', () => {});
      const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash('sha1').update(key).digest('base64');
      const head = `upgrade: websocket\r\nconnection: upgrade\r\nx-meshmock: f/v1\r\nsec-websocket-accept: ${accept}`;
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${head}\r\n\r\n`);
      // The header of a text of 16 MiB, whose end never arrives.
      socket.write(Buffer.from([0x81, 127, 0, 0, 0, 0, 1, 0, 0, 0]));
      socket.write(Buffer.alloc(500_000, 'x'));
    });
    await once(server, 'listening');
    await using mesh = await startMesh(['a'], {}, [], { maxAnswerBytes: 100_000 });
    const { port } = server.address() as AddressInfo;
    const [call] = (await callHttp(mesh.httpPort('a'), `/@ws:127.0.0.1:${port};timeout=3s/x`)).calls ?? [];
    assert.match(call?.pruned?.reason ?? JSON.stringify(call), /--max-answer/);
    server.close();
  });

  test('read one message at a time, and close a client that does not read', async () => {
    await using mesh = await startMesh(['a'], {}, [], { writeTimeoutMs: 300, maxRequests: 3 });
    const socket = new WebSocket(`ws://127.0.0.1:${mesh.httpPort('a')}/x`);
    await once(socket, 'open');
    socket.on('error', () => {});
    socket.pause();
    for (let count = 0; count < 50; count++) socket.send('/~size=5MB/x');
    await sleep(500);
    assert.equal((await sendHttp(mesh.httpPort('a'), '/x')).status, 200);
    const deadlineAt = performance.now() + 5000;
    while (mesh.arrivals.length > 0 && performance.now() < deadlineAt) {
      const before = mesh.arrivals.length;
      await sleep(1000);
      if (mesh.arrivals.length === before) break;
    }
    assert.ok(mesh.arrivals.length < 20, `${mesh.arrivals.length} answers`);
    socket.terminate();
  });

  test('close idle ones as other idle connections, the oldest first', async () => {
    await using mesh = await startMesh(['a'], {}, [], { maxIdleConnections: 2 });
    const url = `ws://127.0.0.1:${mesh.httpPort('a')}/x`;
    const sockets: WebSocket[] = [];
    for (let count = 0; count < 3; count++) {
      const socket = new WebSocket(url);
      socket.on('error', () => {});
      await once(socket, 'open');
      sockets.push(socket);
    }
    if (sockets[0]?.readyState !== WebSocket.CLOSED) await once(sockets[0] as WebSocket, 'close');
    assert.deepEqual(
      sockets.slice(1).map(({ readyState }) => readyState),
      [WebSocket.OPEN, WebSocket.OPEN],
    );
    for (const socket of sockets) socket.terminate();
  });

  test('a stop answers the message in flight, and closes with the code of a server that goes away', async () => {
    const mesh = await startMesh(['a']);
    const url = `ws://127.0.0.1:${mesh.httpPort('a')}/x`;
    const idle = new WebSocket(url);
    const busy = new WebSocket(url);
    await Promise.all([once(idle, 'open'), once(busy, 'open')]);
    busy.send('/~delay=200ms/x');
    await sleep(50);
    const idleClosed = once(idle, 'close');
    const busyClosed = once(busy, 'close');
    const answered = once(busy, 'message');
    await mesh[Symbol.asyncDispose]();
    const [answer] = (await answered) as [Buffer];
    assert.equal((JSON.parse(String(answer)) as Reply).status, 200);
    assert.deepEqual([(await idleClosed)[0], (await busyClosed)[0]], [1001, 1001]);
  });
});
