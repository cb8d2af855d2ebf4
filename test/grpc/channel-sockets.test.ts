import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, suite, test } from 'node:test';
import { optional } from '../../src/error/optional.ts';
import { ChannelSockets } from '../../src/grpc/streams/session-end.ts';

suite('Sockets of a channel', () => {
  const ends: (() => void)[] = [];
  after(() => {
    for (const end of ends) end();
  });

  async function listen(): Promise<number> {
    const server = http2.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ends.push(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  async function connectTo(port: number, localPort?: number): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.1', ...optional('localPort', localPort) });
    await once(socket, 'connect');
    ends.push(() => socket.destroy());
    return socket;
  }

  test('do not carry the session of another peer that has the same local port', async () => {
    const [port, otherPort] = [await listen(), await listen()];
    const other = await connectTo(otherPort);
    // The system chooses such a port itself when it has many connections.
    const socket = await connectTo(port, other.localPort);
    assert.equal(socket.localPort, other.localPort);
    const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => socket });
    ends.push(() => session.destroy());
    const [sockets, others] = [new ChannelSockets(), new ChannelSockets()];
    sockets.add(socket);
    others.add(other);
    assert.equal(sockets.carries(session), true);
    assert.equal(others.carries(session), false);
  });
});
