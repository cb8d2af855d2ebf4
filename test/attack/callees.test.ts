import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, suite, test } from 'node:test';
import tls from 'node:tls';
import type { Reply } from '../../src/reply/reply.ts';
import { makeCertificate } from '../../src/tls/certificate.ts';
import { sendHttp } from '../running-mesh.ts';
import { type Attacked, containerBytes, startAttacked, until } from './attacked.ts';

const signed = { 'x-meshmock': 'evil/v1' };

suite('a service in the memory of its container, with the default flags, whose callees forge the signature', () => {
  let attacked: Attacked;
  before(async () => {
    attacked = await startAttacked(
      ['--max-queue-time', '0', '--deadline', '5s', '--tls-insecure', 'true'],
      containerBytes,
    );
  });
  after(() => attacked[Symbol.asyncDispose]());

  const callsOf = async (path: string): Promise<NonNullable<Reply['calls']>> => {
    const { body } = await sendHttp(attacked.httpPort, path, { headers: { accept: 'application/json' } });
    return (JSON.parse(body) as Reply).calls ?? [];
  };
  const assertWhole = async (service = attacked): Promise<void> => {
    assert.equal(service.end, undefined);
    await until('nothing is held', 30_000, async () => {
      const { requests_in_flight, held_bytes } = await service.metrics();
      return requests_in_flight === undefined && held_bytes === undefined;
    });
  };

  test('survives a reply in a WebSocket that is nested deeper than any call', async () => {
    const call = '{"service":"a","status":200,"calls":[{"target":"a","scheme":"http","answeredBy":"service","reply":';
    const reply = `${call.repeat(20_000)}{"service":"a","status":200}${'}]}'.repeat(20_000)}`;
    await using callee = await startWebSocketCallee(Buffer.byteLength(reply), [Buffer.from(reply)]);
    const [answered] = await callsOf(`/@ws:127.0.0.1:${callee.port}/x`);
    assert.deepEqual([answered?.status, answered?.reply], [101, undefined]);
    await assertWhole();
  });

  test('cuts off messages of WebSockets at the limit of one answer', async () => {
    const piece = Buffer.alloc(1_000_000, ' ');
    await using callee = await startWebSocketCallee(
      60_000_000,
      Array.from({ length: 59 }, () => piece),
    );
    const target = `ws:127.0.0.1:${callee.port}`;
    const calls = await callsOf(`/@${Array.from({ length: 12 }, () => target).join('|')}/x`);
    assert.deepEqual(
      new Set(calls.map(({ pruned }) => pruned?.reason.match(/--max-\w+/)?.[0])),
      new Set(['--max-answer']),
    );
    await assertWhole();
  });

  test('cuts off messages of WebSockets in parts of one byte', async () => {
    const parts = Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from([0, 1, 0x20])));
    await using callee = await startWebSocketCallee(undefined, [Buffer.from([1, 1, 0x20]), parts]);
    const target = `ws:127.0.0.1:${callee.port}`;
    const calls = await callsOf(`/@${Array.from({ length: 500 }, () => target).join('|')}/x`);
    assert.equal(calls.length, 500);
    assert.ok(calls.every(({ error, pruned }) => error !== undefined || pruned !== undefined));
    await assertWhole();
  });

  test('holds one copy of a body that it passes on to many callees with TLS, which do not read', async () => {
    const server = tls.createServer(makeCertificate({ subject: 'evil', names: ['127.0.0.1'] }), (socket) => {
      socket.on('error', () => {}).pause();
    });
    await using callee = await listening(server);
    const path = `/@https:127.0.0.1:${callee.port}*200;concurrency=200;method=POST;body/x`;
    const { status } = await sendHttp(attacked.httpPort, path, { method: 'POST', body: 'x'.repeat(10_000_000) });
    assert.equal(status, 504);
    await assertWhole();
  });

  test('sends a reply with millions of lines as one event', async () => {
    // On a busy machine, the answers take longer than the deadline of the other tests.
    await using own = await startAttacked(['--max-queue-time', '0', '--deadline', '60s'], containerBytes);
    const lines = Array.from({ length: 30 }, () => Buffer.alloc(1_000_000, '\r\n'));
    const json = [Buffer.from('{"service":"e","version":"v1","status":200'), ...lines, Buffer.from('}')];
    await using callee = await startHttpCallee({ ...signed, 'content-type': 'application/json' }, json);
    const path = `/~events=1/0ms/@127.0.0.1:${callee.port}/x`;
    const answers = await Promise.all(Array.from({ length: 3 }, () => sendHttp(own.httpPort, path)));
    for (const { body } of answers) {
      const [, reply] = body.split('\n\n');
      assert.match(reply?.slice(0, 40) ?? '', /^event: reply\ndata: \{"service"/);
      assert.equal(reply?.lastIndexOf('\n'), 'event: reply'.length);
      assert.ok(!reply?.includes('\r'));
    }
    await assertWhole(own);
  });
});

test('a service reads an answer of millions of events in the memory of its bytes', async () => {
  // Of its own, since the memory of a peak stays with the process.
  await using attacked = await startAttacked([], containerBytes);
  const piece = Buffer.from('abc\n\n'.repeat(200_000));
  await using callee = await startHttpCallee(
    { ...signed, 'content-type': 'text/event-stream' },
    Array.from({ length: 31 }, () => piece),
  );
  const call = (): Promise<unknown> => sendHttp(attacked.httpPort, `/@127.0.0.1:${callee.port}/x`);
  await Promise.all([call(), call(), call()]);
  assert.ok(attacked.residentBytes() < 400_000_000, `${attacked.residentBytes()} bytes`);
  assert.equal(await attacked.probe(), 200);
});

interface Callee extends AsyncDisposable {
  readonly port: number;
}

/** Starts a server that accepts each WebSocket, and sends bytes. With a size, the bytes are those of one message. */
async function startWebSocketCallee(size: number | undefined, pieces: readonly Buffer[]): Promise<Callee> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (head: Buffer) => {
      const key = /sec-websocket-key: (\S+)/i.exec(head.toString())?.[1];
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      const fields = [
        'upgrade: websocket',
        'connection: upgrade',
        `sec-websocket-accept: ${accept}`,
        'x-meshmock: evil/v1',
      ];
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields.join('\r\n')}\r\n\r\n`);
      if (size !== undefined) {
        const frame = Buffer.alloc(10);
        frame.set([0x81, 127]);
        frame.writeBigUInt64BE(BigInt(size), 2);
        socket.write(frame);
      }
      for (const piece of pieces) socket.write(piece);
    });
  });
  return listening(server);
}

async function startHttpCallee(headers: Record<string, string>, pieces: readonly Buffer[]): Promise<Callee> {
  const server = http.createServer((_request, response) => {
    response.writeHead(200, headers);
    for (const piece of pieces) response.write(piece);
    response.end();
  });
  return listening(server);
}

async function listening(server: net.Server): Promise<Callee> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
