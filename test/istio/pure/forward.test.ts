import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { Forward } from '../../../src/istio/host/forward.ts';

/** Starts a server on a free port, which the test closes. */
async function listen(context: { after(action: () => void): void }, onSocket?: (socket: net.Socket) => void) {
  const server = net.createServer(onSocket);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

/** Returns a port of this machine at which nothing listens. */
async function closedPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Sends a line, and returns the answer, or the code of the error. */
async function exchange(port: number): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.write('hello');
  return new Promise((resolve) => {
    socket.once('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? ''));
  });
}

suite('A forward of connections into a mesh', { timeout: 20_000 }, () => {
  const target = (port: number) => ({ host: '127.0.0.1', port });

  test('takes its targets in turn', async (context) => {
    const targets = [];
    for (const name of ['a', 'b']) targets.push(await listen(context, (socket) => void socket.end(name)));
    const { server, port } = await listen(context);
    new Forward(server, () => {}).setTargets(targets.map((one) => target(one.port)));
    const answers = [await exchange(port), await exchange(port), await exchange(port)];
    assert.deepEqual(answers, ['a', 'b', 'a']);
  });

  test('goes on to the next target if one does not listen', async (context) => {
    const { port: open } = await listen(context, (socket) => void socket.end('open'));
    const { server, port } = await listen(context);
    const problems: string[] = [];
    new Forward(server, (problem) => problems.push(problem)).setTargets([target(await closedPort()), target(open)]);
    for (let count = 0; count < 4; count++) assert.equal(await exchange(port), 'open');
    assert.deepEqual(problems, []);
  });

  test('resets a connection that no target accepts, and says why', async (context) => {
    const { server, port } = await listen(context);
    const problems: string[] = [];
    const forward = new Forward(server, (problem) => problems.push(problem));
    assert.equal(await exchange(port), 'ECONNRESET');
    forward.setTargets([target(await closedPort())]);
    assert.equal(await exchange(port), 'ECONNRESET');
    assert.equal(problems[0], 'it has no pod');
    assert.match(problems[1] ?? '', /ECONNREFUSED/);
  });
});
