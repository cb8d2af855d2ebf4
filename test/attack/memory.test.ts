import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Reply } from '../../src/reply/reply.ts';
import { callHttp, sendHttp } from '../running-mesh.ts';
import { type Attacked, containerBytes, startAttacked, until } from './attacked.ts';
import { connect, httpRequest, type RawConnection } from './raw-connection.ts';
import { call, data, openCall, preface } from './raw-http2.ts';

/** Memory after an attack above that before it. Node gives the memory of a heap back late. */
const mostLeftBytes = 250 * 1024 * 1024;

suite('a service in the memory of its container, with the default flags', () => {
  let attacked: Attacked;
  let leaf: Attacked;
  let descriptorsBefore = 0;
  let bytesBefore = 0;
  before(async () => {
    // Refusals of overload would keep the attack away.
    const all = ['--max-queue-time', '0'];
    [attacked, leaf] = await Promise.all([
      startAttacked([...all, '--deadline', '5s'], containerBytes),
      startAttacked(all),
    ]);
    await callHttp(attacked.httpPort, `/@127.0.0.1:${leaf.httpPort}|grpc:127.0.0.1:${leaf.grpcPort}/x`);
    descriptorsBefore = attacked.descriptors();
    bytesBefore = attacked.residentBytes();
  });
  after(() => Promise.all([attacked[Symbol.asyncDispose](), leaf[Symbol.asyncDispose]()]));

  /** Checks that the service lives, and that it has given back what the attack took. */
  async function assertWhole(maxOpen = 20): Promise<void> {
    assert.equal(attacked.end, undefined);
    await until('nothing is held', 30_000, async () => {
      const { requests_in_flight, held_bytes, memory_bytes } = await attacked.metrics();
      return [requests_in_flight, held_bytes, memory_bytes].every((value) => value === undefined);
    });
    await until('the connections are closed', 10_000, () => attacked.descriptors() < descriptorsBefore + maxOpen);
    const leftBytes = attacked.residentBytes() - bytesBefore;
    assert.ok(leftBytes < mostLeftBytes, `${leftBytes} bytes more than before`);
    assert.equal(await attacked.probe(), 200);
    // On a busy machine, requests of clients that have gone may still wait in the buffers of the kernel.
    await until('requests are answered', 30_000, async () => (await sendHttp(attacked.httpPort, '/x')).status === 200);
  }

  /** Opens connections that each send the same bytes, and closes them at the end of an action. */
  async function withClients(
    count: number,
    port: number,
    bytes: string | Buffer,
    reads: boolean,
    action: (clients: readonly RawConnection[]) => Promise<void>,
  ): Promise<void> {
    const clients = await Promise.all(Array.from({ length: count }, () => connect(port, { reads })));
    try {
      for (const client of clients) client.send(bytes);
      await action(clients);
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
  }

  const answered = async (): Promise<void> => {
    await until('the service answers', 30_000, async () => (await attacked.probe()) === 200);
  };

  test('answers a tree of eight replies of 10 MB, many times at once', async () => {
    const path = `/@${Array.from({ length: 8 }, () => `127.0.0.1:${leaf.httpPort}`).join('|')}/~size=10MB/x`;
    const headers = { accept: 'application/json' };
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const { status, body } = await sendHttp(attacked.httpPort, path, { headers });
        return [status, (JSON.parse(body) as Reply).calls?.length];
      }),
    );
    // On a slow machine, some of the calls take longer than the deadline.
    assert.deepEqual(
      answers.filter(([status, calls]) => ![200, 504].includes(status ?? 0) || calls !== 8),
      [],
    );
    await assertWhole();
  });

  test('survives 200 clients that ask for 10 MB and do not read', async () => {
    await withClients(200, attacked.httpPort, httpRequest('/~size=10MB/x'), false, answered);
    await assertWhole();
  });

  test('survives 200 gRPC clients that ask for 1 MB and take no data', async () => {
    const bytes = Buffer.concat([preface(0), call(1, '/~size=1MB/x')]);
    await withClients(200, attacked.grpcPort, bytes, true, answered);
    await assertWhole();
  });

  test('survives 100 connections with 500 pipelined requests that hang', async () => {
    await withClients(100, attacked.httpPort, httpRequest('/~hang/x').repeat(500), true, answered);
    await assertWhole();
  });

  test('survives 50 connections with 1,000 streams that stay open', async () => {
    const streams = Array.from({ length: 1000 }, (_, index) => openCall(1 + 2 * index));
    await withClients(50, attacked.grpcPort, Buffer.concat([preface(), ...streams]), true, answered);
    await assertWhole();
  });

  test('survives 50 connections with 100 streams of a gRPC method whose messages wait for a plan', async () => {
    const message = Buffer.alloc(60_000, 'x');
    // Field 2, with a length of 60,000, is unknown.
    const large = Buffer.concat([Buffer.from([0x12, 0xe0, 0xd4, 0x03]), message]);
    const streams = Array.from({ length: 100 }, (_, index) => {
      const stream = 1 + 2 * index;
      return [openCall(stream, '/shop.Basket/Exchange', [['x-meshmock-plan', '/~hang/x']]), data(stream, large, false)];
    });
    await withClients(50, attacked.grpcPort, Buffer.concat([preface(), ...streams.flat()]), true, answered);
    await assertWhole();
  });

  test('survives clients of reflection that send requests and do not read', async () => {
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const symbol = Buffer.from('meshmock.v1.MeshMock');
    const request = data(1, Buffer.concat([Buffer.from([0x22, symbol.length]), symbol]), false);
    const bytes = Buffer.concat([preface(0), openCall(1, path), ...Array.from({ length: 2000 }, () => request)]);
    await withClients(20, attacked.grpcPort, bytes, true, answered);
    await assertWhole();
  });

  test('survives 1,500 connections with half of a request of 60 KB', async () => {
    const half = `GET /x HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(60_000)}`;
    await withClients(1500, attacked.httpPort, half, true, answered);
    await assertWhole();
  });

  test('survives 300 requests of 55 KB with 5,000 directives', async () => {
    const path = `${'/~delay=1us'.repeat(5000)}/~hang/x`;
    await withClients(300, attacked.httpPort, httpRequest(path), true, answered);
    await assertWhole();
  });
});
