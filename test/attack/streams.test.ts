import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { callMethod } from '../../src/reply/reply.ts';
import { callShop, shopProto } from '../grpc/shop-client.ts';
import { callHeaders, flags, frame, frameTypes, grpcMessage, headerBlock } from '../http2-wire.ts';
import { type Attacked, startAttacked, until } from './attacked.ts';
import { connect } from './raw-connection.ts';
import { call, data, frameTooLarge, openCall, preface } from './raw-http2.ts';

const exchange = '/shop.Basket/Exchange';

suite('streams of gRPC methods that a service does not know', () => {
  let attacked: Attacked;
  before(async () => {
    attacked = await startAttacked(['--read-timeout', '2s', '--write-timeout', '2s', '--deadline', '3s']);
  });
  after(() => attacked[Symbol.asyncDispose]());

  const inFlight = async (): Promise<number> => (await attacked.metrics()).requests_in_flight ?? 0;
  const refused = async (bound: string): Promise<number> =>
    (await attacked.metrics())[`refused_total{bound="${bound}"}`] ?? 0;

  test('a stream is ended if its first message, or its next one, does not arrive in time', async () => {
    const before = await refused('read-timeout');
    using client = await connect(attacked.grpcPort);
    const empty = Buffer.alloc(0);
    client.send(Buffer.concat([preface(), openCall(1, exchange), openCall(3, exchange), data(3, empty, false)]));
    await until('both are in flight', 10_000, async () => (await inFlight()) === 2);
    await until('both are ended', 10_000, async () => (await inFlight()) === 0);
    assert.equal(await refused('read-timeout'), before + 2);
  });

  test('a client cannot take the call of another one, or work without a share in the resources', async () => {
    using victim = await connect(attacked.grpcPort);
    using thief = await connect(attacked.grpcPort);
    victim.send(Buffer.concat([preface(), call(1, '/~delay=2s/x')]));
    await until('the call is in flight', 10_000, async () => (await inFlight()) === 1);
    const stolen = Array.from({ length: 60 }, (_, id) =>
      frame(
        frameTypes.headers,
        flags.endHeaders | flags.endStream,
        2 * id + 1,
        headerBlock(
          callHeaders('/*', [
            ['x-meshmock-served-call', String(id)],
            ['x-meshmock-plan', '/~size=10MB/x'],
          ]),
        ),
      ),
    );
    thief.send(Buffer.concat([preface(2 ** 31 - 1), ...stolen]));
    // Each has at least the head of a frame.
    await until('they are refused', 10_000, () => thief.received.length > 9 * stolen.length);
    assert.equal(await inFlight(), 1);
    await until('the call has its answer', 10_000, () => victim.received.includes('attacked v1 answers Call'));
    assert.ok(thief.received.length < 100_000, `${thief.received.length} bytes`);
  });

  test('a stream with too many messages is refused, and the error names the limit', async () => {
    const requests = Array.from({ length: 10_001 }, () => ({}));
    const { code, details, reply } = await callShop(attacked.grpcPort, 'Exchange', { requests });
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.match(details, /at most 10000 messages/);
    assert.equal(reply?.error?.code, 'limit_exceeded');
  });

  test('a stream with too many bytes is refused, and the error names the limit', async () => {
    const requests = Array.from({ length: 540 }, () => ({ productId: 'x'.repeat(60_000) }));
    const { code, details } = await callShop(attacked.grpcPort, 'Fill', { requests });
    assert.equal(code, status.INVALID_ARGUMENT);
    assert.match(details, /at most 32MB of messages/);
  });

  test('a message that is too large is refused', async () => {
    const { code } = await callShop(attacked.grpcPort, 'Fill', { requests: [{ productId: 'x'.repeat(70_000) }] });
    assert.equal(code, status.RESOURCE_EXHAUSTED);
  });

  test('a stream that does not end is answered at the deadline', async () => {
    using client = await connect(attacked.grpcPort);
    client.send(Buffer.concat([preface(), openCall(1, exchange)]));
    const startedAt = performance.now();
    let isEnded = false;
    const ended = until(
      'it is ended',
      10_000,
      async () => performance.now() - startedAt > 500 && (await inFlight()) === 0,
    );
    const onEnd = (): void => {
      isEnded = true;
    };
    // A failure of the wait is reported once, by the await below.
    ended.then(onEnd, onEnd);
    while (!isEnded) {
      client.send(data(1, Buffer.alloc(0), false));
      await sleep(100);
    }
    await ended;
    assert.ok(performance.now() - startedAt >= 2900);
    const { code, details } = await callShop(attacked.grpcPort, 'Exchange', {
      isHeldOpen: true,
      deadlineMs: 10_000,
      headers: { 'x-meshmock-plan': '/~delay=2900ms/x' },
    });
    assert.equal(code, status.DEADLINE_EXCEEDED);
    assert.match(details, /did not end within 3000 ms/);
  });

  test('a stream whose client does not read is ended, and counted', async () => {
    const before = await refused('write-timeout');
    using client = await connect(attacked.grpcPort);
    client.send(Buffer.concat([preface(0), openCall(1, exchange), data(1, Buffer.alloc(0))]));
    await until('it is answered', 10_000, async () => (await inFlight()) === 1);
    await until('it is given up', 10_000, async () => (await inFlight()) === 0);
    assert.ok((await refused('write-timeout')) > before);
  });
});

suite('a client that has sent all messages of a bidirectional stream, and does not read the answers', () => {
  let attacked: Attacked;
  before(async () => {
    const timeouts = ['--read-timeout', '500ms', '--write-timeout', '5s', '--deadline', '3s'];
    attacked = await startAttacked(['--proto', shopProto, ...timeouts]);
  });
  after(() => attacked[Symbol.asyncDispose]());

  test('gets them if it begins to read after the read timeout', async () => {
    assert.deepEqual(await exchangeReadAfter(attacked.grpcPort, 1200), { messages: 5, status: String(status.OK) });
  });

  test('gets the status of the deadline if it begins to read after that', async () => {
    const { status: code } = await exchangeReadAfter(attacked.grpcPort, 3300);
    assert.equal(code, String(status.DEADLINE_EXCEEDED));
  });
});

/** Sends five messages and the end of the request at once, and reads the answers after a time in milliseconds. */
async function exchangeReadAfter(port: number, ms: number): Promise<{ messages: number; status: unknown }> {
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
  try {
    const headers = { ':method': 'POST', ':path': exchange, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request(headers);
    const emptyMessage = grpcMessage(Buffer.alloc(0));
    let bytes = 0;
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    stream.on('trailers', (received) => {
      trailers = received;
    });
    const closed = once(stream, 'close');
    stream.end(Buffer.concat(Array.from({ length: 5 }, () => emptyMessage)));
    await Promise.race([sleep(ms), closed]);
    session.settings({ initialWindowSize: 65_535 });
    await closed;
    return { messages: bytes / emptyMessage.length, status: trailers['grpc-status'] };
  } finally {
    session.destroy();
  }
}

test('streams count as requests: one more than a service may have is refused at once', async () => {
  await using attacked = await startAttacked(['--max-requests', '2']);
  using client = await connect(attacked.grpcPort);
  client.send(Buffer.concat([preface(), openCall(1, exchange), openCall(3, exchange)]));
  await until('both are in flight', 10_000, async () => (await attacked.metrics()).requests_in_flight === 2);
  const { code, details, reply } = await callShop(attacked.grpcPort, 'Get');
  assert.equal(code, status.RESOURCE_EXHAUSTED);
  assert.match(details, /--max-requests/);
  assert.equal(reply?.error?.code, 'overloaded');
});

/** Frames that break the protocol (RFC 9113 sections 4 to 6), each after a request that has arrived with it. */
const brokenFrames = {
  'DATA without a stream': frame(frameTypes.data, 0, 0, Buffer.alloc(3)),
  'DATA of a stream that was never opened': frame(frameTypes.data, 0, 9, Buffer.alloc(3)),
  'HEADERS of a server': frame(frameTypes.headers, flags.endHeaders, 2, Buffer.from([0x82])),
  'a block of headers that cannot be decoded': frame(frameTypes.headers, flags.endHeaders, 3, Buffer.alloc(6, 0xff)),
  'SETTINGS of another length': frame(frameTypes.settings, 0, 0, Buffer.alloc(5)),
  'a frame that is too large': frameTooLarge,
};

test('a client that breaks HTTP/2 right after a request does not end the service, at any of its ports', async () => {
  await using attacked = await startAttacked();
  const { httpPort, grpcPort, tcpPort } = attacked;
  for (const port of [httpPort, grpcPort, tcpPort])
    for (const path of ['/x', '/-/healthy', `/${callMethod}`])
      for (const [name, broken] of Object.entries(brokenFrames)) {
        using client = await connect(port);
        client.send(Buffer.concat([preface(), openCall(1, path), broken]));
        await client.closed();
        assert.equal(attacked.end, undefined, `${name} after ${path}`);
      }
  assert.equal(await attacked.probe(), 200);
});
