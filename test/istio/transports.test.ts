/** Each transport through sidecars, out of the mesh, and into it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { LimitedAccount } from '../../src/execute/budgets/byte-account.ts';
import type { CallAnswer } from '../../src/execute/client.ts';
import type { CallResult, Reply } from '../../src/reply/reply.ts';
import { openClient } from '../../src/send/request-batch.ts';
import { makeCertificate } from '../../src/tls/certificate.ts';
import { type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

const authority = { ...makeCertificate({ subject: 'authority', names: [] }), subject: 'authority' };
const made = (name: string) => makeCertificate({ subject: name, names: [name], issuer: authority });

/** Returns a Secret as a gateway reads it. */
function secret(name: string, host: string, clientCa?: string): string {
  const { cert, key } = made(host);
  const data = Object.entries({
    'tls.crt': cert,
    'tls.key': key,
    ...(clientCa !== undefined && { 'ca.crt': clientCa }),
  });
  const fields = data.map(([field, text]) => `  ${field}: ${Buffer.from(text).toString('base64')}`).join('\n');
  return `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: istio-system}\ndata:\n${fields}\n`;
}

const manifests = {
  name: 'transports.yaml',
  text: [
    readFileSync(path.join(import.meta.dirname, 'transports.yaml'), 'utf8'),
    secret('shop-cert', 'shop.example.com'),
    secret('mutual-cert', 'mutual.example.com', authority.cert),
  ].join('---\n'),
};

suite('A local mesh with each transport', { timeout: 400_000 }, () => {
  let mesh: LocalMeshFixture;
  before(async () => {
    mesh = await startLocalMesh([manifests], { fill: true });
  });
  after(() => mesh[Symbol.asyncDispose]());

  async function callOf(target: string): Promise<CallResult> {
    const response = await fetch(`http://${mesh.http('client')}/@${target}`);
    const { calls = [] } = (await response.json()) as Reply;
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
