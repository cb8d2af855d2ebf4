import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, suite, test } from 'node:test';
import tls from 'node:tls';
import { sendHttp } from '../running-mesh.ts';
import { type Attacked, containerBytes, startAttacked, until } from './attacked.ts';
import { connect, type RawConnection } from './raw-connection.ts';

/** Memory after an attack above that before it. Node gives the memory of a heap back late. */
const mostLeftBytes = 250 * 1024 * 1024;

const handshake = Buffer.from(
  [
    'GET /x HTTP/1.1',
    'host: a',
    'upgrade: websocket',
    'connection: upgrade',
    'sec-websocket-version: 13',
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
    '',
    '',
  ].join('\r\n'),
);

/** Returns a part of a message of a client, with a mask of zeros. It is not the last one. */
function part(isFirst: boolean, payload: string): Buffer {
  return Buffer.concat([Buffer.from([isFirst ? 1 : 0, 0x80 | payload.length, 0, 0, 0, 0]), Buffer.from(payload)]);
}

suite('a service in the memory of its container, whose clients send small pieces', () => {
  let attacked: Attacked;
  let descriptorsBefore = 0;
  let bytesBefore = 0;
  before(async () => {
    attacked = await startAttacked(
      ['--max-queue-time', '0', '--read-timeout', '5s', '--deadline', '5s', '--tls', '127.0.0.1:0'],
      containerBytes,
    );
    await sendHttp(attacked.httpPort, '/x');
    descriptorsBefore = attacked.descriptors();
    bytesBefore = attacked.residentBytes();
  });
  after(() => attacked[Symbol.asyncDispose]());

  /** Makes connections, checks that the service lives and is probed, closes them, and checks that nothing is left. */
  async function attack(count: number, port: number, send: (client: RawConnection) => void): Promise<void> {
    const clients: RawConnection[] = [];
    try {
      for (let index = 0; index < count && attacked.end === undefined; index++) {
        const client = await connect(port);
        send(client);
        clients.push(client);
      }
      await until(
        'the service answers',
        30_000,
        async () => attacked.end !== undefined || (await attacked.probe()) === 200,
      );
      assert.equal(attacked.end, undefined);
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
    await until('the connections are closed', 20_000, () => attacked.descriptors() < descriptorsBefore + 20);
    const leftBytes = attacked.residentBytes() - bytesBefore;
    assert.ok(leftBytes < mostLeftBytes, `${leftBytes} bytes more than before`);
  }

  test('survives 900 WebSockets whose messages have thousands of parts', async () => {
    const parts = Array.from({ length: 16_000 }, (_, index) => part(index === 0, 'x'));
    const bytes = Buffer.concat([handshake, ...parts]);
    await attack(900, attacked.httpPort, (client) => client.send(bytes));
  });

  test('reads the messages of 100 WebSockets that wait for an answer only as far as they may wait', async () => {
    const message = (text: string): Buffer => {
      const [first = 0, ...rest] = part(true, text);
      return Buffer.from([first | 0x80, ...rest]);
    };
    const waiting = Array.from({ length: 3000 }, () => message('/x'));
    const bytes = Buffer.concat([handshake, message('/~hang/x'), ...waiting]);
    await attack(100, attacked.httpPort, (client) => client.send(bytes));
    assert.equal((await attacked.metrics())['refused_total{bound="max-pipelined"}'], undefined);
  });

  test('survives 1,500 requests whose bodies arrive in chunks of one byte', async () => {
    const head = 'POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n';
    const bytes = head + '1\r\nx\r\n'.repeat(2040);
    await attack(1500, attacked.httpPort, (client) => client.send(bytes));
  });

  test('survives 20 bodies in chunks of one byte that the plan passes on', async () => {
    const head = 'POST /@127.0.0.1:1;method=POST;body/x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n';
    const bytes = Buffer.from(head + '1\r\nx\r\n'.repeat(500_000));
    await attack(20, attacked.httpPort, (client) => client.send(bytes));
  });

  test('counts TLS handshakes that do not go on among the connections without a request', async () => {
    const hello = await clientHello();
    const counted = async (): Promise<number> =>
      (await attacked.metrics())['refused_total{bound="max-idle-connections"}'] ?? 0;
    const before = await counted();
    await attack(1500, attacked.tlsPort, (client) => client.send(hello));
    assert.ok((await counted()) - before >= 400);
  });
});

test('a client with TLS that begins HTTP/2 without ALPN does not keep a descriptor', async () => {
  await using attacked = await startAttacked(['--tls', '127.0.0.1:0']);
  await sendHttp(attacked.httpPort, '/x');
  const before = attacked.descriptors();
  for (const bytes of ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGARBAGE', 'PRI * HT']) {
    for (let index = 0; index < 30; index++) {
      const options = {
        port: attacked.tlsPort,
        host: '127.0.0.1',
        ALPNProtocols: ['http/1.1'],
        rejectUnauthorized: false,
      };
      const socket = tls.connect(options);
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      socket.write(bytes);
      setTimeout(() => socket.destroy(), 100);
    }
  }
  await until('the connections are closed', 20_000, () => attacked.descriptors() < before + 5);
});

/** Returns the first bytes of a client of TLS. */
async function clientHello(): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = tls.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1' });
  client.on('error', () => {});
  try {
    const [socket] = (await once(server, 'connection')) as [net.Socket];
    const [hello] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return hello;
  } finally {
    client.destroy();
    server.close();
  }
}
