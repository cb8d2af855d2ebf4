/** Each transport through sidecars, out of the mesh, and into it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { LimitedAccount } from '../../src/execute/budgets/byte-account.ts';
import type { CallAnswer } from '../../src/execute/client.ts';
import type { CallResult, Reply } from '../../src/reply/reply.ts';
import { openClient } from '../../src/send/request-batch.ts';
import { makeCertificate } from '../../src/tls/certificate.ts';
import { answered, fails, holds, unknown, verdicts } from '../expect/verdicts.ts';
import { type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

const authority = { ...makeCertificate({ subject: 'authority', names: [] }), subject: 'authority' };
const made = (name: string) => makeCertificate({ subject: name, names: [name], issuer: authority });

/** Returns a Secret as a gateway reads it. */
function secret(name: string, host: string, clientCa?: string, namespace = 'istio-system'): string {
  const { cert, key } = made(host);
  const data = Object.entries({
    'tls.crt': cert,
    'tls.key': key,
    ...(clientCa !== undefined && { 'ca.crt': clientCa }),
  });
  const fields = data.map(([field, text]) => `  ${field}: ${Buffer.from(text).toString('base64')}`).join('\n');
  return `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: ${namespace}}\ntype: kubernetes.io/tls\ndata:\n${fields}\n`;
}

const manifests = {
  name: 'transports.yaml',
  text: [
    readFileSync(path.join(import.meta.dirname, 'transports.yaml'), 'utf8'),
    secret('shop-cert', 'shop.example.com'),
    secret('mutual-cert', 'mutual.example.com', authority.cert),
    secret('vault-cert', 'vault.example.com', undefined, 'default'),
  ].join('---\n'),
};

interface JaegerTraces {
  readonly data:
    | readonly {
        readonly spans: readonly { readonly operationName: string; readonly processID: string }[];
        readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
      }[]
    | null;
}

suite('A local mesh with each transport', { timeout: 400_000 }, () => {
  let mesh: LocalMeshFixture;
  before(async () => {
    mesh = await startLocalMesh([manifests], { fill: true });
  });
  after(() => mesh[Symbol.asyncDispose]());

  async function replyOf(target: string, init: RequestInit = {}): Promise<Reply> {
    const response = await fetch(`http://${mesh.http('client')}/@${target}`, init);
    return (await response.json()) as Reply;
  }

  async function callOf(target: string): Promise<CallResult> {
    const { calls = [] } = await replyOf(target);
    assert.ok(calls[0] !== undefined);
    return calls[0];
  }

  const peer = 'spiffe://cluster.local/ns/default/sa/default';

  test('mocks get HTTP/2 at ports for http2 and h2c, and HTTP/1.1 at others, with the identity of the caller', async () => {
    for (const [target, version] of [
      ['shop:80', '2'],
      ['shop:80;http2', '2'],
      ['shop:8082', '2'],
      ['shop:8081', undefined],
    ] as const) {
      const { reply, status } = await callOf(`${target}/x`);
      assert.equal(status, 200, target);
      assert.equal(reply?.request?.httpVersion, version, target);
      assert.equal(reply?.mesh?.peerIdentity, peer, target);
    }
  });

  test('TLS between mocks passes through the sidecars as TCP', async () => {
    for (const target of ['https:shop:443', 'https:shop:443;http2', 'grpcs:shop:443']) {
      const { status, tls, reply } = await callOf(`${target}/x`);
      assert.equal(status, 200, target);
      assert.equal(tls?.peer, 'shop');
      assert.deepEqual([reply?.request?.tls?.version, reply?.request?.tls?.sni], ['TLSv1.3', 'shop']);
      assert.equal(reply?.mesh?.peerIdentity, undefined);
    }
  });

  test('a WebSocket passes through the sidecars, with the identity in its handshake', async () => {
    const { status, reply, scheme } = await callOf('ws:shop:8081/~delay=10ms/x');
    assert.deepEqual([scheme, status], ['ws', 200]);
    assert.equal(reply?.mesh?.peerIdentity, peer);
    assert.match(reply?.request?.headers?.traceparent ?? '', /^00-/);
  });

  test('answers in parts arrive in parts', async () => {
    const chunked = await callOf('shop:8081/~chunks=4/100ms/x');
    assert.ok((chunked.stream?.chunks ?? 0) >= 2, JSON.stringify(chunked.stream));
    assert.ok((chunked.durationMs ?? 0) - (chunked.stream?.firstByteMs ?? 0) >= 250);
    const { stream, reply } = await callOf('shop:80/~events=3/50ms/x');
    assert.equal(stream?.events, 4);
    assert.equal(reply?.service, 'shop');
  });

  test('has facts for expectations through sidecars', async () => {
    const rows: [target: string, expectations: Readonly<Record<string, boolean[]>>][] = [
      [
        'shop:8081/~chunks=3/100ms/~trailer[x-sum=7]/x',
        {
          // Envoy drops trailers of HTTP/1.1.
          'shop trailer x-sum exists = 0': holds,
          'shop chunks >= 2': holds,
          'shop first-byte max < 190ms': holds,
          'shop http-version = 1.1': holds,
          'shop caller-http-version = 1.1': holds,
          'shop caller-tls-version exists = 0': holds,
          // The sidecar has ended TLS.
          'shop tls-version = TLSv1.3': unknown,
          'shop sni exists = 0': unknown,
        },
      ],
      [
        'shop:80;http2/~chunks=2/10ms/~trailer[x-sum=7]/x',
        {
          'shop trailer x-sum = 7': holds,
          'shop trailer x-other exists = 0': holds,
          'shop http-version = 2': holds,
          'shop caller-http-version = 2': holds,
          'shop caller-alpn exists = 0': holds,
        },
      ],
      // The sidecar of the caller makes HTTP/2 of it, as the port says.
      [
        'shop:80/~events=3/20ms/x',
        { 'shop events = 4': holds, 'shop http-version = 2': holds, 'shop caller-http-version = 1.1': holds },
      ],
      [
        'grpc:shop/~events=3/20ms/shop.Basket/Watch',
        { 'shop chunks = 3': holds, 'shop events = 0': unknown, 'shop method = shop.Basket/Watch': holds },
      ],
      [
        'https:shop:443/x',
        {
          'shop tls-version = TLSv1.3': holds,
          'shop sni = shop': holds,
          'shop alpn = http/1.1': holds,
          'shop tls-peer exists = 0': holds,
          'shop caller-tls-version = TLSv1.3': holds,
          'shop caller-sni = shop': holds,
          'shop caller-alpn = http/1.1': holds,
          'shop caller-tls-peer = shop': holds,
        },
      ],
      // The sidecar of the caller begins TLS.
      [
        'partner.example.com:80/x',
        {
          'partner.example.com tls-version matches /^TLSv1/': holds,
          'partner.example.com caller-tls-version exists = 0': holds,
          'partner.example.com caller-sni exists = 0': holds,
        },
      ],
      [
        'tcp:shop/hello',
        { 'shop protocol = tcp': holds, 'shop http-version exists = 0': holds, 'shop trailer x exists = 0': unknown },
      ],
    ];
    for (const [target, expectations] of rows) {
      const result = answered(await replyOf(target));
      for (const [expectation, verdict] of Object.entries(expectations))
        assert.deepEqual(verdicts(expectation, result), verdict, `${target}: ${expectation}`);
    }
    const passedOn = answered(await replyOf('shop:8081;method=POST;body/x', { method: 'POST', body: 'hello' }));
    for (const [expectation, verdict] of [
      ['shop body = hello', holds],
      ['shop body exists = 0', fails],
      ['shop method = POST', holds],
    ] as const)
      assert.deepEqual(verdicts(expectation, passedOn), verdict, expectation);
  });

  test('a WebSocket whose client closes it and goes ends the plan of its callee, through both sidecars', async () => {
    const traceId = randomBytes(16).toString('hex');
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const socket = new WebSocket(`ws://${mesh.http('client')}/x`, { headers });
    await once(socket, 'open');
    socket.send('/@ws:shop:8081/~hang/x');
    // The callee has the message by then, also on a busy machine.
    await sleep(2000);
    socket.close();
    socket.terminate();
    // The span of the callee is exported at its end, and the deadline is 15 s.
    const until = performance.now() + 10_000;
    const hasSpan = async (): Promise<boolean> => {
      const { data } = (await (await fetch(`${mesh.jaeger}/api/traces/${traceId}`)).json()) as JaegerTraces;
      return (
        data?.some(({ spans, processes }) =>
          spans.some(
            // The spans of Envoy have the names of clusters.
            ({ operationName, processID }) =>
              operationName === 'GET /*' && processes[processID]?.serviceName === 'shop.default',
          ),
        ) ?? false
      );
    };
    while (!(await hasSpan())) {
      assert.ok(performance.now() < until, 'the plan of the callee goes on');
      await sleep(200);
    }
  });

  test('a mock shows the certificate of a Secret that its Deployment mounts, and the new one when that changes', async () => {
    // Each call over a WebSocket is a connection of its own.
    const shown = async (): Promise<string | undefined> => (await callOf('wss:vault:443/x')).tls?.peer;
    assert.equal(await shown(), 'vault.example.com');
    const text = secret('vault-cert', 'rotated.example.com', undefined, 'default');
    await mesh.apply({ name: 'rotated', text });
    const until = performance.now() + 60_000;
    while ((await shown()) !== 'rotated.example.com') {
      assert.ok(performance.now() < until, 'the old certificate is shown');
      await sleep(200);
    }
  });

  test('gRPC and TCP pass as before', async () => {
    assert.equal((await callOf('grpc:shop/x')).reply?.mesh?.peerIdentity, peer);
    assert.equal((await callOf('tcp:shop/hello')).reply?.request?.uri, 'hello');
  });

  test('a proxy begins TLS to a host outside the mesh, and a caller may do so itself', async () => {
    const originated = await callOf('partner.example.com:80/x');
    assert.equal(originated.status, 200);
    assert.equal(originated.tls, undefined);
    assert.equal(originated.reply?.request?.tls?.version !== undefined, true);
    const own = await callOf('https:partner.example.com/x');
    assert.equal(own.tls?.sni, 'partner.example.com');
    assert.equal(own.reply?.request?.tls?.sni, 'partner.example.com');
  });

  /** Calls a host at the gateway, as `meshmock call --cacert --cert --key --connect-to` does. */
  async function enter(host: string, client?: { cert: string; key: string }, isInsecure = false): Promise<CallAnswer> {
    const opened = await openClient('https', { ca: authority.cert, ...client, isInsecure });
    const [, port = ''] = mesh.gateway(443).split(':');
    try {
      const call = {
        scheme: 'https' as const,
        authority: host,
        dial: { host: 'localhost', port: Number(port) },
        method: 'GET',
        path: '/x',
        headers: {},
        timeoutMs: 10_000,
        account: new LimitedAccount(1_000_000),
      };
      return await opened.call(call, AbortSignal.timeout(10_000));
    } finally {
      await opened.close();
    }
  }

  test('a gateway ends TLS with its Secret, asks for client certificates, or passes TLS through', async () => {
    const simple = await enter('shop.example.com');
    assert.equal(simple.kind, 'reply', JSON.stringify(simple));
    assert.equal(simple.kind === 'reply' && simple.tls?.peer, 'shop.example.com');
    const mutual = await enter('mutual.example.com', made('visitor'));
    assert.equal(mutual.kind, 'reply', JSON.stringify(mutual));
    assert.equal((await enter('mutual.example.com')).kind, 'failed');
    const through = await enter('through.example.com', undefined, true);
    assert.equal(through.kind === 'reply' && through.tls?.peer, 'shop');
    const unknown = await enter('other.example.com', undefined, true);
    assert.equal(unknown.kind, 'failed');
  });
});
