import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { refusalOf, type UnsignedAnswer } from '../../src/reply/proxy-refusal.ts';
import { refusalRows } from '../../src/reply/proxy-refusal-rows.ts';
import { httpStatusOf } from '../../src/reply/status.ts';

// What Envoys answered when each was provoked, as the clients hand it on: server names as Istio sets them. Since 1.38.1 they
// say nothing of why a transport failed, unless told to.
const own = { server: 'envoy', date: 'Sun, 22 Nov 2026 20:41:45 GMT' };
const gateway = { ...own, server: 'istio-envoy' };
const behind = { ...own, 'x-envoy-upstream-service-time': '3' };
const lost = 'upstream connect error or disconnect/reset before headers. reset reason: ';
const lostAgain = 'upstream connect error or disconnect/reset before headers. retried and the latest reset reason: ';

type Headers = Readonly<Record<string, string>>;

const http = (status: number, body: string, headers: Headers = own): UnsignedAnswer => ({
  status,
  body,
  headers: {
    ...headers,
    'content-length': String(body.length),
    ...(body === '' ? {} : { 'content-type': 'text/plain' }),
  },
});

const grpc = (code: number, body: string, headers: Headers = own): UnsignedAnswer => ({
  ...httpStatusOf(code),
  body,
  headers: { ...headers, 'content-type': 'application/grpc' },
});

const [UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED, RESOURCE_EXHAUSTED] = [2, 4, 7, 8];
const [UNIMPLEMENTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED] = [12, 13, 14, 16];
const bearer = { 'www-authenticate': 'Bearer realm="http://a:8080/", error="invalid_token"' };

const answers: Readonly<Record<string, readonly UnsignedAnswer[]>> = {
  'no healthy upstream': [
    http(503, 'no healthy upstream'),
    http(503, 'no healthy upstream', gateway),
    grpc(UNAVAILABLE, 'no healthy upstream', gateway),
  ],
  'circuit breaker': [
    http(503, `${lost}overflow`, { ...own, 'x-envoy-overloaded': 'true' }),
    grpc(UNAVAILABLE, `${lost}overflow`, { ...own, 'x-envoy-overloaded': 'true' }),
  ],
  'TLS failure': [
    http(
      503,
      `${lost}remote connection failure, transport failure reason: TLS_error:|268435703:SSL routines:WRONG_VERSION`,
    ),
    grpc(UNAVAILABLE, `${lost}connection failure, transport failure reason: TLS error: Secret is not supplied by SDS`),
  ],
  'connection failure': [
    http(503, `${lost}remote connection failure`),
    http(503, `${lostAgain}remote connection failure`),
    http(503, `${lost}remote connection failure`, behind),
    http(503, `${lost}connection timeout`),
    http(503, `${lost}connection failure, transport failure reason: delayed connect error: 111`),
    grpc(UNAVAILABLE, `${lost}remote connection failure`, behind),
  ],
  'connection termination': [
    http(503, `${lost}connection termination`),
    http(503, `${lostAgain}connection termination`),
    grpc(UNAVAILABLE, `${lost}connection termination`),
  ],
  'protocol error': [http(502, `${lost}protocol error`), grpc(UNAVAILABLE, `${lost}protocol error`)],
  reset: [
    http(503, `${lost}remote reset`),
    grpc(UNAVAILABLE, `${lostAgain}remote refused stream reset`),
    http(503, `${lost}overload manager reset`),
  ],
  timeout: [
    http(504, 'upstream request timeout'),
    http(504, 'upstream request timeout', behind),
    grpc(UNAVAILABLE, 'upstream request timeout'),
    grpc(UNAVAILABLE, 'upstream request timeout', behind),
  ],
  'longest duration': [
    http(504, 'downstream duration timeout'),
    http(408, 'upstream max stream duration reached'),
    grpc(DEADLINE_EXCEEDED, 'downstream duration timeout'),
  ],
  'idle timeout': [http(504, 'stream timeout'), http(408, 'request timeout'), grpc(UNAVAILABLE, 'stream timeout')],
  'injected fault': [
    http(503, 'fault filter abort'),
    http(418, 'fault filter abort', gateway),
    http(200, 'fault filter abort'),
    grpc(UNAVAILABLE, 'fault filter abort'),
    grpc(RESOURCE_EXHAUSTED, 'fault filter abort'),
  ],
  RBAC: [
    http(403, 'RBAC: access denied', behind),
    http(403, 'RBAC: access denied', gateway),
    grpc(PERMISSION_DENIED, 'RBAC: access denied', behind),
  ],
  JWT: [
    http(401, 'Jwt is missing', { ...behind, ...bearer }),
    http(401, "Jwks doesn't have key to match kid or alg from Jwt", { ...gateway, ...bearer }),
    http(403, 'Audiences in Jwt are not allowed', behind),
    grpc(UNAUTHENTICATED, 'Jwt verification fails', behind),
  ],
  'local rate limit': [
    http(429, 'local_rate_limited', behind),
    http(503, 'local_rate_limited', behind),
    grpc(UNAVAILABLE, 'local_rate_limited', behind),
    grpc(RESOURCE_EXHAUSTED, 'local_rate_limited', behind),
  ],
  'global rate limit': [
    http(429, '', { ...behind, 'x-envoy-ratelimited': 'true' }),
    grpc(UNAVAILABLE, '', { ...gateway, 'x-envoy-ratelimited': 'true' }),
    grpc(RESOURCE_EXHAUSTED, '', { ...behind, 'x-envoy-ratelimited': 'true' }),
  ],
  dropped: [
    http(503, 'maintenance mode', { ...own, 'x-envoy-overloaded': 'true' }),
    http(503, 'drop overload', { ...own, 'x-envoy-drop-overload': 'true' }),
    grpc(UNAVAILABLE, 'unconditional drop overload', { ...own, 'x-envoy-unconditional-drop-overload': 'true' }),
  ],
  'overload manager': [http(503, 'envoy overloaded', gateway), grpc(UNAVAILABLE, 'envoy overloaded', gateway)],
  'no route': [http(404, ''), http(404, '', gateway), grpc(UNIMPLEMENTED, '')],
  'no cluster': [http(503, ''), http(503, '', gateway), grpc(UNAVAILABLE, '')],
  'no backend': [http(500, '', gateway), grpc(UNKNOWN, '', gateway)],
  'not in the registry': [http(502, '')],
};

test('every row of the table has an answer to be known by, and says where it comes from', () => {
  assert.deepEqual(
    refusalRows.map(({ name }) => name),
    Object.keys(answers),
  );
  for (const { name, source } of refusalRows) assert.match(source, /^(?:envoy|istio) [a-z/_]+\.(?:cc|go)? ?/, name);
});

for (const row of refusalRows) {
  test(`${row.name} is ${row.reason}, over HTTP and gRPC`, () => {
    for (const answer of answers[row.name] ?? []) {
      const refusal = refusalOf(answer);
      assert.equal(refusal?.reason, row.reason, JSON.stringify(answer));
      assert.ok(refusal.explanation.startsWith(row.explanation), refusal.explanation);
    }
  });
}

test('the explanation says whose proxy it was, as far as headers tell', () => {
  const explanation = (headers: Headers): string | undefined =>
    refusalOf(http(403, 'RBAC: access denied', headers))?.explanation;
  assert.match(explanation(own) ?? '', / Said by the first proxy on the way: in Istio, the caller's own sidecar\.$/);
  assert.match(
    explanation(gateway) ?? '',
    / Said by the first proxy on the way: a gateway, a waypoint or the callee's/,
  );
  assert.match(explanation(behind) ?? '', / Said by a proxy behind the first one/);
  assert.match(explanation({}) ?? '', /JWT claims\)\.$/);
});

const unnamed: readonly (readonly [string, UnsignedAnswer])[] = [
  ['a direct response of a route', http(503, 'sorry')],
  ['headers that are too large', http(431, 'Request Header Fields Too Large')],
  ['an external authorizer', http(403, '')],
  ['the answer to HEAD, whose text is left out', { ...http(503, ''), headers: { ...own, 'content-length': '19' } }],
  ['a direct response over gRPC', grpc(UNAVAILABLE, 'sorry')],
  ['a redirect over gRPC', grpc(UNKNOWN, '', { ...own, location: 'http://x/' })],
  ['a request that Envoy cannot read', grpc(INTERNAL, 'bad request', gateway)],
];
for (const [name, answer] of unnamed) {
  test(`unknown: ${name}`, () => assert.equal(refusalOf(answer)?.reason, 'unknown'));
}

const foreign: readonly (readonly [string, UnsignedAnswer])[] = [
  ['a 503 with its own text, no proxy', http(503, 'down for today', {})],
  ['a 503 with its own text behind a sidecar', http(503, 'down for today', behind)],
  ['an empty 503 behind a sidecar', http(503, '', behind)],
  ['an empty 404 behind a sidecar', http(404, '', behind)],
  ['an empty 404, no proxy', http(404, '', {})],
  ['an empty 404 of another server', http(404, '', { server: 'nginx' })],
  [
    'a 404 with a page, where the sidecar may not say how long it took',
    {
      ...http(404, '<h1>no</h1>'),
      headers: { ...own, 'content-type': 'text/html' },
    },
  ],
  ['a 401 of a service that checks tokens itself', http(401, 'JWT expired', behind)],
  ['a 429 behind a sidecar', http(429, 'slow down', behind)],
  ["a 200 that has Envoy's text", http(200, 'no healthy upstream', behind)],
  ["Envoy's text with another status", http(404, 'RBAC: access denied', behind)],
  ["Envoy's text in a longer one", http(503, 'cause: no healthy upstream', behind)],
  ['a stream timeout of a service behind a sidecar', http(504, 'stream timeout', behind)],
  ['a redirect of a route', http(301, '', own)],
  ['a direct response of a route that is no error', http(200, 'hello', own)],
  ['a gRPC server without Call behind a sidecar', grpc(UNIMPLEMENTED, 'unknown service meshmock.v1.MeshMock', behind)],
  ['one that answers before the request has ended', grpc(UNIMPLEMENTED, 'unknown service meshmock.v1.MeshMock', own)],
  ['a gRPC server that is not available', grpc(UNAVAILABLE, 'come back later', behind)],
];
for (const [name, answer] of foreign) {
  test(`no refusal: ${name}`, () => assert.equal(refusalOf(answer), undefined));
}

test('what a meshmock signed is never a refusal, whatever it looks like', () => {
  const looks = fc.oneof(
    fc.constantFrom(...Object.values(answers).flat(), ...unnamed.map(([, answer]) => answer)),
    fc.record({
      status: fc.integer({ min: 200, max: 599 }),
      body: fc.oneof(fc.string(), fc.constantFrom('', 'no healthy upstream', 'RBAC: access denied')),
      headers: fc.constantFrom<Headers>({}, own, gateway, behind, { 'x-envoy-overloaded': 'true' }),
    }),
  );
  fc.assert(
    fc.property(looks, fc.string(), (answer, signature) => {
      assert.equal(refusalOf({ ...answer, headers: { ...answer.headers, 'x-meshmock': signature } }), undefined);
    }),
  );
});
