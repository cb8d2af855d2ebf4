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
