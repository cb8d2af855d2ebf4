import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { choosePorts } from '../../src/cli/up/ports.ts';

const named = (host: string, port: number): Parameters<typeof choosePorts>[0] => [
  { flag: '--http', name: 'gateway', host, port },
];

test('free ports differ from each other', async () => {
  const ports = await choosePorts([...named('127.0.0.1', 0), ...named('127.0.0.1', 0)]);
  assert.equal(new Set(ports).size, 2);
});

test('a free port is one that the kernel gives to no other connection, and a taken candidate is skipped', async () => {
  const [first = 0] = await choosePorts(named('127.0.0.1', 0));
  assert(first >= 10_000 && first < 32_000, String(first));
  const taken = net.createServer();
  await new Promise<void>((resolve) => taken.listen(first, '127.0.0.1', resolve));
  try {
    assert.notEqual((await choosePorts(named('127.0.0.1', 0)))[0], first);
  } finally {
    taken.close();
  }
});

test('a taken port is a conflict, and an address of another machine is a wrong command', async () => {
  const taken = net.createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = taken.address() as net.AddressInfo;
    await assert.rejects(choosePorts(named('127.0.0.1', port)), { code: 'conflict' });
    await assert.rejects(choosePorts(named('192.0.2.1', 0)), { code: 'usage', message: /^gateway cannot listen on / });
    await assert.rejects(choosePorts(named('127.0.0.1', 65_536)), {
      code: 'usage',
      message: /choose a lower first port/,
    });
  } finally {
    taken.close();
  }
});
