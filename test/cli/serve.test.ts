import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram, startProgram, startServe } from '../program.ts';
import { callHttp, sendHttp, startForeignServer } from '../running-mesh.ts';

test('two instances with -listenAddress run side by side and reach each other', async () => {
  await using first = await startServe('first');
  // With Go's single dash, as servicemock's users type it; gRPC finds another port.
  await using second = startProgram(['serve', '--name', 'second', '-listenAddress', 'localhost:0']);
  const [, port] = await second.printed(/is ready: http localhost:(\d+) grpc localhost:\d+/);
  const reply = await callHttp(Number(port), `/@localhost:${first.httpPort}/hi`);
  assert.equal(reply.calls?.[0]?.reply?.service, 'first');
  assert.equal(reply.calls?.[0]?.reply?.request?.uri, '/hi');
});

test('flags win over the environment', async () => {
  const env = {
    MESHMOCK_SERVICE_VERSION: 'v7',
    MESHMOCK_NAMESPACE: 'shop',
    MESHMOCK_ZONE: 'eu-1a',
    MESHMOCK_NODE: 'n1',
    MESHMOCK_POD: 'p',
  };
  await using program = await startServe('app', ['--zone', 'eu-1b'], env);
  const reply = await callHttp(program.httpPort, '/x');
  const { service, version, pod, namespace, node, zone } = reply;
  assert.deepEqual(
    { service, version, pod, namespace, node, zone },
    { service: 'app', version: 'v7', pod: 'p', namespace: 'shop', node: 'n1', zone: 'eu-1b' },
  );
});

test("Octopus's variables turn a service into its proxy or its webserver", async () => {
  for (const variable of ['SERVERCONTENT', 'SERVERCONTNET', 'MESHMOCK_CONTENT']) {
    await using webserver = await startServe('webserver', ['--pod', 'web-1'], { [variable]: 'Hello world' });
    await using proxy = await startServe('proxy', [], { PROXYURL: `http://127.0.0.1:${webserver.httpPort}/` });
    const { body } = await sendHttp(proxy.httpPort, '/a');
    assert.match(
      body,
      /^Proxying value: Hello world requested from \/a on web-1 with code 200 - Took \d+ milliseconds$/,
      variable,
    );
  }
});

test('variables set the behaviour and its seed', async () => {
  const env = { MESHMOCK_BEHAVIOUR: '/~status=503:0.5/~header[a=b]', MESHMOCK_SEED: 'one', MESHMOCK_POD: 'p' };
  const runs: number[][] = [];
  for (let run = 0; run < 2; run++) {
    await using program = await startServe('app', [], env);
    const statuses: number[] = [];
    for (let index = 0; index < 16; index++) statuses.push((await sendHttp(program.httpPort, '/x')).status);
    runs.push(statuses);
  }
  assert.deepEqual(runs[0], runs[1]);
  assert.equal(runs[0]?.filter((status) => status === 503).length, 8);
});

test('a taken port is an error that names the port and the flag', async () => {
  await using first = await startServe('first');
  for (const [flag, port] of [
    ['--http', first.httpPort],
    ['--grpc', first.grpcPort],
  ] as const) {
    const other = flag === '--http' ? '--grpc' : '--http';
    const { code, stderr } = await runProgram(['serve', flag, `127.0.0.1:${port}`, other, '127.0.0.1:0']);
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`port ${port} is taken.*${flag}`));
  }
});

for (const [args, message] of [
  [['serve', '--nmae', 'x'], /unknown flag "--nmae"; did you mean "--name"\?/],
  [['serve', '--http', 'here'], /--http: "here" is not an address/],
  [['serve', '--connect-to', 'a:b'], /--connect-to: .*HOST:PORT:ADDR:PORT/],
  [['serve', '--deadline', 'soon'], /--deadline: "soon" is not a duration/],
  [['serve', '--max-depth', '9999'], /--max-depth/],
  [['serve', '--behaviour', '/~dealy=1s'], /--behaviour: at offset 2: .*\n\/~dealy=1s\n {2}\^ expected a directive/],
  [['serve', '--behaviour', '/~delay=20s'], /--behaviour: .* a delay within the deadline of a request, at most 15s\n/],
  [['serve', '--upstream', 'webserver'], /--upstream: "webserver" is not the URL of an upstream/],
  [['serve', '--upstream', 'http://a', '--content', 'b'], /use only one of them/],
  [['serve', '--max-size', '1'], /--max-size: "1" is not a size/],
  [['serve', 'extra'], /unexpected argument "extra"/],
  [['sreve'], /unknown command "sreve"; did you mean "serve"\?/],
] as const) {
  test(`refuses ${args.join(' ')}`, async () => {
    const { code, stderr } = await runProgram(args);
    assert.equal(code, 2);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n {4}at /);
  });
}

test('an error names the wrong variable', async () => {
  await using program = startProgram(['serve'], { MESHMOCK_BEHAVIOUR: '/~dealy=1s' });
  assert.equal(await program.exited(), 2);
  assert.match(program.stderr, /MESHMOCK_BEHAVIOUR: at offset 2: /);
});

test('each request is one line of JSON, with the trace id', async () => {
  await using program = await startServe('app');
  await callHttp(program.httpPort, '/x', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
  const [line] = await program.printed(/\{.*"msg":"answered".*\}/);
  const { level, service, uri, status, traceId } = JSON.parse(line);
  assert.deepEqual(
    { level, service, uri, status, traceId },
    { level: 'info', service: 'app', uri: '/x', status: 200, traceId: '0af7651916cd43dd8448eb211c80319c' },
  );
});

test('after SIGTERM the service answers the request in flight, closes its connection, and ends', async () => {
  await using program = await startServe('app');
  await using slow = await startForeignServer((_request, response) => setTimeout(() => response.end('late'), 500));
  const underWay = sendHttp(program.httpPort, `/@127.0.0.1:${slow.port}/x`);
  while (slow.open === 0) await sleep(5);
  program.child.kill('SIGTERM');
  const answer = await underWay;
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.connection, 'close');
  assert.equal(await program.exited(), 0);
});

test('the probes answer, and other admin paths are not found', async () => {
  await using program = await startServe('app');
  assert.equal((await sendHttp(program.httpPort, '/-/healthy')).status, 200);
  assert.equal((await sendHttp(program.httpPort, '/-/ready?x=1')).status, 200);
  const missing = await sendHttp(program.httpPort, '/-/redy');
  assert.equal(missing.status, 404);
  assert.match(missing.body, /\/-\/healthy/);
  assert.equal(missing.headers['x-meshmock'], 'app/v1');
  assert.equal(missing.headers['x-content-type-options'], 'nosniff');
});

test('the answer to / names the service and URLs to try, which work', async () => {
  await using program = await startServe('app');
  const port = program.httpPort;
  const { body } = await sendHttp(port, '/', { headers: { host: `127.0.0.1:${port}`, 'user-agent': 'curl/8.0' } });
  assert.ok(body.startsWith('{\n  "service": "app"'));
  const { try: commands = [] } = JSON.parse(body) as { try?: string[] };
  assert.equal(commands.length, 5);
  for (const command of commands) {
    const [, path = ''] = /'127\.0\.0\.1:\d+(\/[^']*)'/.exec(command) ?? [];
    assert.equal((await sendHttp(port, path)).status, 200, command);
  }
});

test('a connection without a request does not keep a service from ending', async () => {
  await using program = await startServe('app');
  const socket = net.connect(program.httpPort, '127.0.0.1');
  await once(socket, 'connect');
  await callHttp(program.httpPort, '/x');
  const startedAt = performance.now();
  program.child.kill('SIGTERM');
  assert.equal(await program.exited(), 0);
  assert.ok(performance.now() - startedAt < 5000);
  socket.destroy();
});

/** A connection that a caller keeps open, after one answer. */
async function keptOpen(
  port: number,
): Promise<{ socket: net.Socket; received: () => string; closed: Promise<unknown> }> {
  const socket = net.connect(port, '127.0.0.1');
  const closed = once(socket, 'close');
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString();
  });
  socket.write('GET /first HTTP/1.1\r\nhost: app\r\n\r\n');
  while (!received.includes('/first')) await sleep(5);
  return { socket, received: () => received, closed };
}

test('a draining service gives a kept connection one last answer, and then ends early', async () => {
  await using program = await startServe('app', ['--drain', '20s']);
  const { socket, received, closed } = await keptOpen(program.httpPort);
  assert.doesNotMatch(received(), /connection: close/i);
  program.child.kill('SIGTERM');
  while ((await sendHttp(program.httpPort, '/-/ready')).status === 200) await sleep(5);
  const startedAt = performance.now();
  socket.write('GET /second HTTP/1.1\r\nhost: app\r\n\r\n');
  await closed;
  assert.match(received(), /\r\nconnection: close\r\n[\s\S]*\/second/i);
  assert.equal(await program.exited(), 0);
  assert.ok(performance.now() - startedAt < 10_000);
});

test('an idle connection stays open for the time of --drain', async () => {
  await using program = await startServe('app', ['--drain', '700ms']);
  const { closed } = await keptOpen(program.httpPort);
  const startedAt = performance.now();
  program.child.kill('SIGTERM');
  await closed;
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs >= 690 && tookMs < 10_000, `took ${tookMs} ms`);
  assert.equal(await program.exited(), 0);
});

test('a second signal ends the service at once', async () => {
  await using program = await startServe('app');
  await using slow = await startForeignServer(() => {});
  const sent = assert.rejects(sendHttp(program.httpPort, `/@127.0.0.1:${slow.port}/x`));
  while (slow.open === 0) await sleep(5);
  program.child.kill('SIGTERM');
  // It has handled the first signal: until then it listens.
  while (await sendHttp(program.httpPort, '/-/healthy').then(Boolean, () => false)) await sleep(20);
  await sleep(700);
  program.child.kill('SIGTERM');
  assert.equal(await program.exited(), 1);
  await sent;
});

test('a service that ends does not cut off an answer that its client reads slowly', async () => {
  await using program = await startServe('app');
  const paths = `/@127.0.0.1:${program.httpPort}${`,127.0.0.1:${program.httpPort}`.repeat(99)}/${'x'.repeat(40_000)}`;
  const socket = net.connect(program.httpPort, '127.0.0.1');
  let received = '';
  const closed = once(socket, 'close');
  socket.once('data', (chunk: Buffer) => {
    received += chunk.toString();
    socket.pause();
    program.child.kill('SIGTERM');
    setTimeout(() => {
      socket.on('data', (more: Buffer) => {
        received += more.toString();
      });
      socket.resume();
    }, 500);
  });
  socket.write(`GET ${paths} HTTP/1.1\r\nhost: app\r\naccept: application/json\r\n\r\n`);
  await closed;
  const body = received.slice(received.indexOf('\r\n\r\n') + 4);
  assert.equal(JSON.parse(body).calls.length, 100);
  assert.equal(await program.exited(), 0);
});
