import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Attacked, startAttacked, until } from './attacked.ts';
import { connect, type RawConnection } from './raw-connection.ts';
import { preface } from './raw-http2.ts';

/**
 * Time for a stop after its drain, in milliseconds: new connections have a second for their first request. It is less
 * than the deadline of a request, 15 s, which is the longest time that a stop may take.
 */
const mostAfterDrainMs = 8000;

/** Opens connections that keep their half open, stops the service, and returns what it has written. */
async function stopWith(portOf: (attacked: Attacked) => number, bytes: string | Buffer): Promise<string> {
  await using attacked = await startAttacked(['--drain', '1s', '--tls', '127.0.0.1:0']);
  const clients: RawConnection[] = [];
  try {
    for (let index = 0; index < 20; index++) {
      const client = await connect(portOf(attacked));
      client.socket.allowHalfOpen = true;
      if (bytes.length > 0) client.send(bytes);
      clients.push(client);
    }
    await until(
      'they are counted',
      10_000,
      async () => ((await attacked.metrics()).connections ?? 0) >= clients.length,
    );
    attacked.signal('SIGTERM');
    await until('the service ends', 1000 + mostAfterDrainMs, () => attacked.end !== undefined);
    return attacked.output;
  } finally {
    for (const client of clients) client[Symbol.dispose]();
  }
}

suite('a service that is stopped ends after its drain, whatever clients keep open', () => {
  const http = ({ httpPort }: Attacked): number => httpPort;
  const cases: [name: string, portOf: (attacked: Attacked) => number, bytes: string | Buffer][] = [
    ['HTTP/2 at the port of HTTP', http, preface()],
    ['half a preface of HTTP/2 at the port of HTTP', http, 'PRI * HTTP/2.0\r\n'],
    ['connections without a byte', http, ''],
    ['TLS without a handshake', ({ tlsPort }) => tlsPort, ''],
  ];
  for (const [name, portOf, bytes] of cases)
    test(name, async () => {
      assert.doesNotMatch(await stopWith(portOf, bytes), /Warning/);
    });
});
