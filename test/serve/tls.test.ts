import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import tls from 'node:tls';
import type { Reply } from '../../src/reply/reply.ts';
import { answered, fails, holds, unknown, verdicts } from '../expect/verdicts.ts';
import { runProgram } from '../program.ts';
import { callHttp, sendHttp, startMesh, type TestMesh } from '../running-mesh.ts';
import { Certificates } from './certificates.ts';

const address = { host: '127.0.0.1', port: 0 };
const spiffe = (name: string): string => `spiffe://cluster.local/ns/default/sa/${name}`;

suite('a service with TLS', () => {
  const certificates = new Certificates();
  let mesh: TestMesh;
  before(async () => {
    const calls = { addresses: [], ca: certificates.ca, isInsecure: false };
    mesh = await startMesh([
      { name: 'caller', tls: { ...calls, ...certificates.make('caller', ['caller', spiffe('caller')]) } },
      { name: 'nameless', tls: calls },
      { name: 'simple', tls: { ...certificates.make('simple', ['simple']), addresses: [address], isInsecure: false } },
      {
        name: 'mutual',
        tls: {
          ...certificates.make('mutual', ['mutual', spiffe('mutual')]),
          addresses: [address],
          clientCa: certificates.ca,
          isInsecure: false,
        },
      },
      {
        name: 'expired',
        tls: { ...certificates.make('expired', ['expired'], -0.5), addresses: [address], isInsecure: false },
      },
      { name: 'self-signed', tls: { addresses: [address], isInsecure: true } },
    ]);
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    certificates[Symbol.dispose]();
  });

  const callsOf = async (caller: string, uri: string): Promise<NonNullable<Reply['calls']>> =>
    (await callHttp(mesh.httpPort(caller), uri)).calls ?? [];

  test('serves HTTP/1.1, HTTP/2 and gRPC at one port, and both ends show the connection', async () => {
    const calls = await callsOf('caller', '/@https:simple|https:simple;http2|grpcs:simple/x');
    assert.deepEqual(
      calls.map(({ status, tls: seen, httpVersion, reply }) => ({
        status,
        seen,
        httpVersion,
        request: [reply?.request?.protocol, reply?.request?.tls, reply?.request?.httpVersion],
      })),
      [
        ['http/1.1', 'http', undefined],
        ['h2', 'http', '2'],
        ['h2', 'grpc', undefined],
      ].map(([alpn, protocol, httpVersion]) => ({
        status: 200,
        seen: { version: 'TLSv1.3', sni: 'simple', alpn, peer: 'simple' },
        httpVersion,
        request: [protocol, { version: 'TLSv1.3', sni: 'simple', alpn }, httpVersion],
      })),
    );
  });

  test('asks for client certificates, and both ends show the identity of the other', async () => {
    for (const { reply, tls: seen } of await callsOf('caller', '/@https:mutual|https:mutual;http2|grpcs:mutual/x')) {
      assert.equal(seen?.peer, spiffe('mutual'));
      assert.equal(reply?.request?.tls?.peer, spiffe('caller'));
    }
  });

  test('has facts of its connections for expectations, at both ends', async () => {
    const targets = ['https:mutual', 'https:mutual;http2', 'grpcs:mutual', 'mutual'];
    const results = await Promise.all(
      targets.map(async (target) => answered(await callHttp(mesh.httpPort('caller'), `/@${target}/x`))),
    );
    const rows: [expectation: string, ...verdicts: boolean[][]][] = [
      ['mutual tls-version = TLSv1.3', holds, holds, holds, unknown],
      ['mutual sni = mutual', holds, holds, holds, unknown],
      ['mutual alpn = h2', fails, holds, holds, unknown],
      [`mutual tls-peer = ${spiffe('caller')}`, holds, holds, holds, unknown],
      ['mutual http-version = 2', fails, holds, holds, fails],
      ['mutual caller-tls-version = TLSv1.3', holds, holds, holds, fails],
      ['mutual caller-sni exists = 0', fails, fails, fails, holds],
      ['mutual caller-alpn matches /^http/', holds, fails, fails, fails],
      ['mutual caller-tls-peer contains /sa/mutual', holds, holds, holds, fails],
      ['mutual caller-http-version = 1.1', holds, fails, fails, holds],
    ];
    for (const [expectation, ...expected] of rows)
      assert.deepEqual(
        results.map((result) => verdicts(expectation, result)),
        expected,
        expectation,
      );
    const simple = answered(await callHttp(mesh.httpPort('nameless'), '/@https:simple/x'));
    assert.deepEqual(verdicts('simple tls-peer exists = 0', simple), holds);
  });

  test('does not show the TLS that a proxy ended, and its caller does', async () => {
    const { cert, key } = certificates.make('front', ['front']);
    const front = tls.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
      const plain = net.connect(mesh.httpPort('simple'), '127.0.0.1');
      socket.on('error', () => plain.destroy()).pipe(plain);
      plain.on('error', () => socket.destroy()).pipe(socket);
    });
    await once(front.listen(0, '127.0.0.1'), 'listening');
    const { port } = front.address() as net.AddressInfo;
    mesh.dialler.add({ host: 'front', port: '443', toHost: '127.0.0.1', toPort: String(port) });
    const called = answered(await callHttp(mesh.httpPort('caller'), '/@https:front/x'));
    front.close();
    assert.deepEqual(verdicts('simple caller-tls-version = TLSv1.3', called), holds);
    assert.deepEqual(verdicts('simple caller-tls-peer = front', called), holds);
    for (const fact of ['tls-version', 'sni', 'alpn', 'tls-peer'])
      assert.deepEqual(verdicts(`simple ${fact} exists = 0`, called), unknown, fact);
  });

  test('has facts of its connections over repeated calls', async () => {
    for (const scheme of ['https', 'grpcs']) {
      const repeated = answered(await callHttp(mesh.httpPort('caller'), `/@${scheme}:simple*20;concurrency=4/x`));
      assert.deepEqual(verdicts('simple tls-version TLSv1.3 = 20', repeated), holds);
      assert.deepEqual(verdicts('simple mtls no = 100%', repeated), holds);
      assert.deepEqual(verdicts('simple sni = simple', repeated), holds);
      assert.deepEqual(verdicts(`simple alpn = ${scheme === 'grpcs' ? 'h2' : 'http/1.1'}`, repeated), holds);
      assert.deepEqual(verdicts('simple http-version = 2', repeated), scheme === 'grpcs' ? holds : fails);
      assert.deepEqual(verdicts('simple tls-peer exists = 0', repeated), holds);
      assert.deepEqual(verdicts('simple caller-sni exists', repeated), unknown);
    }
    for (const [target, version] of [
      ['simple*5', '1.1'],
      ['simple*5;http2', '2'],
    ] as const) {
      const plain = answered(await callHttp(mesh.httpPort('caller'), `/@${target}/x`));
      assert.deepEqual(verdicts(`simple http-version = ${version}`, plain), holds);
      assert.deepEqual(verdicts('simple sni exists = 0', plain), unknown);
    }
    const tcp = answered(await callHttp(mesh.httpPort('caller'), '/@tcp:simple*5/x'));
    assert.deepEqual(verdicts('simple http-version exists = 0', tcp), holds);
  });

  test('shows the facts of the request itself in `meshmock call`, as text, JSON and JUnit', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-tls-'));
    const junit = path.join(folder, 'results.xml');
    const connectTo = `simple:443:127.0.0.1:${mesh.tlsPort('simple')}`;
    const args = ['call', 'https://simple/x', '--cacert', certificates.ca, '--connect-to', connectTo, '--junit', junit];
    const expectations = ['root sni = simple', 'root caller-tls-peer = simple', 'simple tls-version = TLSv1.2'];
    const all = [...args, ...expectations.flatMap((text) => ['--expect', text])];
    try {
      const shown = await runProgram(all);
      assert.equal(shown.code, 1, shown.stderr);
      assert.match(shown.stdout, /^FAIL {2}simple tls-version = TLSv1\.2\n {6}seen: TLSv1\.3 ×1 \(100%\)$/m);
      assert.match(readFileSync(junit, 'utf8'), /tests="3" failures="1".*simple tls-version = TLSv1\.2/s);
      const { stdout } = await runProgram([...all, '--json']);
      assert.deepEqual((JSON.parse(stdout) as { expectations: unknown }).expectations, [
        { expectation: 'root sni = simple', passed: true, seen: 'simple ×1 (100%)' },
        { expectation: 'root caller-tls-peer = simple', passed: true, seen: 'simple ×1 (100%)' },
        { expectation: 'simple tls-version = TLSv1.2', passed: false, seen: 'TLSv1.3 ×1 (100%)' },
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('refuses clients without a certificate', async () => {
    for (const { error, reply } of await callsOf('nameless', '/@https:mutual|https:mutual;http2|grpcs:mutual/x')) {
      assert.equal(reply, undefined);
      assert.ok(['reset', 'tls', 'protocol'].includes(error?.code ?? ''), JSON.stringify(error));
    }
  });

  test('is not called with a certificate that is not valid, or for another name', async () => {
    mesh.dialler.add({ host: 'other', port: '443', toHost: '127.0.0.1', toPort: String(mesh.tlsPort('simple')) });
    const targets = [
      'https:expired',
      'grpcs:expired',
      'https:self-signed',
      'grpcs:self-signed',
      'https:other',
      'grpcs:other',
    ];
    for (const { error } of await callsOf('caller', `/@${targets.join('|')}/x`)) assert.equal(error?.code, 'tls');
  });

  test('says which flags trust a certificate, and which scheme has no TLS', async () => {
    for (const { error } of await callsOf('caller', '/@https:self-signed|wss:self-signed|grpcs:self-signed/x')) {
      assert.match(error?.message ?? '', /self-signed certificate \(trust its authority with --tls-ca/);
      assert.doesNotMatch(error?.message ?? '', /Node\.js/);
    }
    const port = mesh.httpPort('simple');
    for (const { error } of await callsOf('caller', `/@https:127.0.0.1:${port}|wss:127.0.0.1:${port}/x`))
      assert.match(
        error?.message ?? '',
        /^the server does not speak TLS: use http: instead of https:, or ws: instead of/,
      );
  });

  test('shows that it does not verify certificates', async () => {
    const calls = await callsOf('self-signed', '/@https:self-signed|grpcs:simple/x');
    assert.deepEqual(
      calls.map(({ tls: seen }) => [seen?.peer, seen?.unverified]),
      [
        ['self-signed', true],
        ['simple', true],
      ],
    );
  });

  test('shows the certificate again on a second connection', async () => {
    await callsOf('caller', '/@https:simple/~close/x');
    const [call] = await callsOf('caller', '/@https:simple/x');
    assert.equal(call?.tls?.peer, 'simple');
  });

  test('resets one connection, and one stream', async () => {
    const calls = await callsOf(
      'caller',
      '/@https:simple(/~close/x)|https:simple;http2(/~close/x)|grpcs:simple(/~close/x)',
    );
    assert.deepEqual(
      calls.map(({ error }) => error?.code),
      ['reset', 'reset', 'reset'],
    );
  });

  test('sends the host of a header as the name of the server', async () => {
    const [call] = await callsOf('self-signed', `/@https:127.0.0.1:${mesh.tlsPort('simple')}[host=web.example.com]/x`);
    assert.equal(call?.reply?.request?.tls?.sni, 'web.example.com');
  });

  test('has a certificate for its names when it is given none', async () => {
    const socket = tls.connect({ port: mesh.tlsPort('self-signed'), host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const names = socket.getPeerX509Certificate()?.subjectAltName;
    socket.destroy();
    assert.match(names ?? '', /DNS:self-signed, DNS:self-signed-1, DNS:localhost, IP Address:127\.0\.0\.1/);
  });

  test('answers other programs, by HTTP/1.1 without ALPN too', async () => {
    const ca = readFileSync(certificates.ca);
    const body = await new Promise<string>((resolve, reject) => {
      const options: https.RequestOptions = {
        port: mesh.tlsPort('simple'),
        host: '127.0.0.1',
        servername: 'simple',
        ca,
      };
      const agent = new https.Agent({ ALPNProtocols: [] } as https.AgentOptions);
      const request = https.request({ ...options, agent, path: '/x' });
      request.on('response', (response) => resolve(text(response))).on('error', reject);
      request.end();
    });
    const reply = JSON.parse(body) as Reply;
    assert.equal(reply.body, 'simple v1 answers GET /x');
    assert.deepEqual(reply.request?.tls, { version: 'TLSv1.3', sni: 'simple' });
  });

  test('tells clients without TLS that its port speaks TLS', async () => {
    const { status, body } = await sendHttp(mesh.tlsPort('simple'), '/x');
    assert.equal(status, 400);
    assert.match(body, /^this port speaks TLS: use https: instead of http:/);
    const port = mesh.tlsPort('simple');
    const targets = `127.0.0.1:${port}|127.0.0.1:${port};http2|grpc:127.0.0.1:${port}`;
    const [http, http2, grpc] = await callsOf('caller', `/@${targets}/x`);
    assert.equal(http?.status, 400);
    assert.equal(http?.answeredBy, 'foreign');
    for (const call of [http2, grpc])
      assert.ok(['reset', 'protocol'].includes(call?.error?.code ?? ''), JSON.stringify(call));
  });

  test('says at a port without TLS that a client speaks TLS, to the client and in the log', async () => {
    for (const [scheme, port] of [
      ['https', mesh.httpPort('simple')],
      ['grpcs', mesh.grpcPort('simple')],
    ] as const) {
      const [call] = await callsOf('caller', `/@${scheme}:127.0.0.1:${port}/x`);
      assert.equal(call?.error?.code, 'tls');
      assert.match(call?.error?.message ?? '', /^the server does not speak TLS: use (http|grpc): instead/);
    }
    assert.match(mesh.problems.at(-2) ?? '', /^the client speaks TLS, and this port does not/);
    assert.match(mesh.problems.at(-1) ?? '', /does not speak HTTP\/2 without TLS at the port of gRPC/);
  });

  test('closes connections that do not begin TLS in time, and serves the others', async () => {
    await using late = await startMesh([{ name: 'late', tls: { addresses: [address], isInsecure: true } }], {}, [], {
      readTimeoutMs: 300,
    });
    const mute = net.connect(late.tlsPort('late'), '127.0.0.1');
    const half = net.connect(late.tlsPort('late'), '127.0.0.1');
    half.write(Buffer.from([0x16, 3, 1]));
    const [reply] = (await callHttp(late.httpPort('late'), '/@https:late/x')).calls ?? [];
    assert.equal(reply?.status, 200);
    half.on('error', () => {});
    await Promise.all([once(mute, 'close'), once(half, 'close')]);
  });

  test('counts a connection without a request while its handshake lasts', { timeout: 10_000 }, async () => {
    await using full = await startMesh([{ name: 'full', tls: { addresses: [address], isInsecure: true } }], {}, [], {
      maxIdleConnections: 2,
    });
    const closed: Promise<unknown>[] = [];
    for (let count = 0; count < 4; count++) {
      const socket = net.connect(full.tlsPort('full'), '127.0.0.1').on('error', () => {});
      closed.push(once(socket, 'close'));
      await once(socket, 'connect');
      socket.write(Buffer.from([0x16, 3, 1]));
    }
    // The oldest two, long before the read timeout.
    await Promise.all(closed.slice(0, 2));
    const [reply] = (await callHttp(full.httpPort('full'), '/@https:full/x')).calls ?? [];
    assert.equal(reply?.status, 200);
  });
});
