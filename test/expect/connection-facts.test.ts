import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallResult, ReceivedRequest } from '../../src/reply/reply.ts';
import { fails, holds, unknown, verdicts } from './verdicts.ts';

const call = (facts: Partial<CallResult>, request: Partial<ReceivedRequest> = {}): CallResult => ({
  target: 'web:443',
  scheme: 'https',
  status: 200,
  answeredBy: 'service',
  reply: {
    service: 'web',
    status: 200,
    request: { protocol: 'http', method: 'GET', uri: '/x', headers: {}, ...request },
  },
  ...facts,
});
const foreign: CallResult = { target: 'x:443', scheme: 'https', status: 200, answeredBy: 'foreign', headers: {} };
const tls = { version: 'TLSv1.3', sni: 'web', alpn: 'h2', peer: 'spiffe://c/ns/a/sa/b' };

test('the connection that a callee accepted can be compared', () => {
  const seen = call({}, { tls, httpVersion: '2' });
  for (const expectation of [
    'root tls-version = TLSv1.3',
    'root sni matches /^w/',
    'root alpn = h2',
    'root tls-peer contains /sa/b',
    'root http-version = 2',
    'root sni web = 100%',
  ])
    assert.deepEqual(verdicts(expectation, seen), holds, expectation);
  assert.deepEqual(verdicts('root tls-version = TLSv1.2', seen), fails);
  // The connection used TLS, so what it does not show was not sent.
  const bare = call({}, { tls: { version: 'TLSv1.2' } });
  for (const fact of ['sni', 'alpn', 'tls-peer'])
    assert.deepEqual(verdicts(`root ${fact} exists = 0`, bare), holds, fact);
});

test('a callee behind a sidecar that ends TLS does not show it, which is not its absence', () => {
  const plain = call({ tls });
  for (const fact of ['tls-version', 'sni', 'alpn', 'tls-peer']) {
    for (const claim of ['exists', 'exists = 0', '= a', '!= a', 'contains a', 'a = 0'])
      assert.deepEqual(verdicts(`root ${fact} ${claim}`, plain), unknown, `${fact} ${claim}`);
    assert.deepEqual(verdicts(`root ${fact} exists = 0`, foreign), unknown, fact);
  }
  assert.deepEqual(verdicts('root http-version = 2', foreign), unknown);
});

test('the connection that a caller made is another fact, and a scheme without TLS has none', () => {
  const viaProxy = call({ tls: { ...tls, version: 'TLSv1.2' }, httpVersion: '2' }, {});
  assert.deepEqual(verdicts('root caller-tls-version = TLSv1.2', viaProxy), holds);
  assert.deepEqual(verdicts('root caller-http-version = 2', viaProxy), holds);
  assert.deepEqual(verdicts('root http-version = 1.1', viaProxy), holds);
  assert.deepEqual(verdicts('root caller-sni = web', { ...foreign, tls }), holds);
  assert.deepEqual(verdicts('root caller-tls-version exists', call({ scheme: 'http' })), fails);
  assert.deepEqual(verdicts('root caller-tls-version exists', call({ scheme: 'https' })), unknown);
  assert.deepEqual(verdicts('root caller-http-version = 1.1', call({ scheme: 'https' })), unknown);
  const error = { code: 'refused', message: '' } as const;
  const refused: CallResult = { target: 'x', scheme: 'http', answeredBy: 'nobody', error };
  assert.deepEqual(verdicts('root caller-tls-version exists = 0', refused), unknown);
});

test('the version of HTTP follows from gRPC, and TCP has none', () => {
  assert.deepEqual(verdicts('root http-version = 2', call({}, { protocol: 'grpc' })), holds);
  assert.deepEqual(verdicts('root http-version = 1.0', call({}, { httpVersion: '1.0' })), holds);
  assert.deepEqual(verdicts('root http-version exists', call({ scheme: 'tcp' }, { protocol: 'tcp' })), fails);
  assert.deepEqual(verdicts('root caller-http-version exists', call({ scheme: 'tcp' })), fails);
  assert.deepEqual(verdicts('root caller-http-version = 2', call({ scheme: 'grpc' })), holds);
});

test('a trailer is absent only in an answer that was read to its end in parts', () => {
  const stream = { chunks: 3, firstByteMs: 5 };
  const answered = call({ stream, trailers: { 'x-sum': '7', 'set-cookie': '[redacted]' } });
  assert.deepEqual(verdicts('root trailer X-Sum = 7', answered), holds);
  assert.deepEqual(verdicts('root trailer x-none exists', answered), fails);
  assert.deepEqual(verdicts('root trailer set-cookie exists', answered), holds);
  assert.deepEqual(verdicts('root trailer set-cookie = a', answered), unknown);
  assert.deepEqual(verdicts('root trailer x-sum exists = 0', call({ stream })), holds);
  assert.deepEqual(verdicts('root trailer x-sum exists = 0', { ...foreign, stream }), holds);
  const { headers: _headers, ...shortened } = foreign;
  for (const other of [
    call({}),
    call({ stream, pruned: { bytes: 1, reason: '' } }),
    { ...foreign, stream, bodyBytes: 99_999 },
    { ...shortened, stream },
  ]) {
    assert.deepEqual(verdicts('root trailer x-sum exists = 0', other), unknown);
    assert.deepEqual(verdicts('root chunks = 3', other), unknown);
  }
});

test('parts, events and the time to the first part can be compared where an answer shows them', () => {
  const answered = call({ stream: { chunks: 3, firstByteMs: 12.5, events: 2 } });
  assert.deepEqual(verdicts('root chunks = 3', answered), holds);
  assert.deepEqual(verdicts('root chunks > 3', answered), fails);
  assert.deepEqual(verdicts('root events >= 2', answered), holds);
  assert.deepEqual(verdicts('root first-byte max < 13ms', answered), holds);
  assert.deepEqual(verdicts('root first-byte p99 < 12ms', answered), fails);
  for (const expectation of ['root chunks = 0', 'root events = 0', 'root first-byte p50 < 1s'])
    assert.deepEqual(verdicts(expectation, call({})), unknown, expectation);
});

test('a repeated call counts peers, versions of TLS, and texts of its services', () => {
  const repeated: CallResult = {
    target: 'web:8080',
    scheme: 'http',
    answeredBy: 'service',
    summary: {
      count: 10,
      byAnswer: { service: 10 },
      byService: { web: 10 },
      byVersion: { v1: 6, v2: 4 },
      byPod: { 'web-1': 10 },
      byPeer: { none: 2, [tls.peer]: 8 },
      byTlsVersion: { 'TLSv1.3': 10 },
      byHttpVersion: { 2: 10 },
      bySni: { web: 9, none: 1 },
      byAlpn: { h2: 10 },
      byTlsPeer: { none: 10 },
    },
  };
  for (const expectation of [
    'web mtls yes = 80%',
    'web mtls no = 2',
    'web peer b = 8',
    'web peer contains /sa/b = 80%',
    'web version matches /^v2$/ = 4',
    'web pod contains web',
    'web service = web',
    'web tls-version = TLSv1.3',
    'web http-version = 2',
    'web sni web = 9',
    'web sni exists = 90%',
    'web alpn matches /^h/',
    'web tls-peer exists = 0',
  ])
    assert.deepEqual(verdicts(expectation, withCall(repeated)), holds, expectation);
  assert.deepEqual(verdicts('web mtls = yes', withCall(repeated)), fails);
  assert.deepEqual(verdicts('web uri = /x', withCall(repeated)), unknown);
  assert.deepEqual(verdicts('web caller-sni exists', withCall(repeated)), unknown);
  assert.deepEqual(verdicts('web first-byte max < 1s', withCall(repeated)), unknown);
});

test('a repeated call is undetermined where its summary does not count all calls', () => {
  const counted = { count: 10, byAnswer: { service: 8, nobody: 2 }, byPeer: { none: 8 }, byPod: { 'web-1': 8 } };
  const repeated = { target: 'web:8080', scheme: 'http', answeredBy: 'service' as const };
  const partly = withCall({ ...repeated, summary: counted });
  assert.deepEqual(verdicts('web mtls = no', partly), unknown);
  assert.deepEqual(verdicts('web pod contains web', partly), unknown);
  assert.deepEqual(verdicts('web tls-version exists = 0', partly), unknown);
  assert.deepEqual(verdicts('web http-version = 2', partly), unknown);
  assert.deepEqual(verdicts('web sni exists = 0', partly), unknown);
  // An older meshmock does not count peers.
  const { byPeer: _peers, ...older } = counted;
  assert.deepEqual(verdicts('web mtls no = 8', withCall({ ...repeated, summary: older })), unknown);
  const many = { count: 10, byAnswer: { service: 10 }, byPeer: { 'spiffe://a': 6, '(others)': 4 } };
  assert.deepEqual(verdicts('web mtls = yes', withCall({ ...repeated, summary: many })), unknown);
  assert.deepEqual(verdicts('web peer matches /^spiffe/', withCall({ ...repeated, summary: many })), unknown);
  const long = { count: 1, byAnswer: { service: 1 }, byPod: { ['p'.repeat(300)]: 1 } };
  assert.deepEqual(verdicts('web pod contains z', withCall({ ...repeated, summary: long })), unknown);
});

function withCall(below: CallResult): CallResult {
  return {
    target: 'gateway:8080',
    scheme: 'http',
    status: 200,
    answeredBy: 'service',
    reply: { service: 'gateway', status: 200, calls: [below] },
  };
}
