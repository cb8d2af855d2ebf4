import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalOf, type UnsignedAnswer } from '../../src/reply/proxy-refusal.ts';
import { refusalRows } from '../../src/reply/proxy-refusal-rows.ts';
import { httpStatusOf } from '../../src/reply/status.ts';
import fc from '../fast-check.ts';

// Recorded answers of Envoy, as the clients return them, with the server names that Istio sets. Since 1.38.1 Envoy only
// gives the reason of a transport failure if it is configured to do so.
const own = { server: 'envoy', date: 'Sun, 22 Nov 2026 20:41:45 GMT' };
const gateway = { ...own, server: 'istio-envoy' };
const withUpstreamTime = { ...own, 'x-envoy-upstream-service-time': '3' };
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
    http(503, `${lost}remote connection failure`, withUpstreamTime),
    http(503, `${lost}connection timeout`),
    http(503, `${lost}connection failure, transport failure reason: delayed connect error: 111`),
    grpc(UNAVAILABLE, `${lost}remote connection failure`, withUpstreamTime),
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
    http(504, 'upstream request timeout', withUpstreamTime),
    grpc(UNAVAILABLE, 'upstream request timeout'),
    grpc(UNAVAILABLE, 'upstream request timeout', withUpstreamTime),
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
    http(403, 'RBAC: access denied', withUpstreamTime),
    http(403, 'RBAC: access denied', gateway),
    grpc(PERMISSION_DENIED, 'RBAC: access denied', withUpstreamTime),
  ],
  JWT: [
    http(401, 'Jwt is missing', { ...withUpstreamTime, ...bearer }),
    http(401, "Jwks doesn't have key to match kid or alg from Jwt", { ...gateway, ...bearer }),
    http(403, 'Audiences in Jwt are not allowed', withUpstreamTime),
    grpc(UNAUTHENTICATED, 'Jwt verification fails', withUpstreamTime),
  ],
  'local rate limit': [
    http(429, 'local_rate_limited', withUpstreamTime),
    http(503, 'local_rate_limited', withUpstreamTime),
    grpc(UNAVAILABLE, 'local_rate_limited', withUpstreamTime),
    grpc(RESOURCE_EXHAUSTED, 'local_rate_limited', withUpstreamTime),
  ],
  'global rate limit': [
    http(429, '', { ...withUpstreamTime, 'x-envoy-ratelimited': 'true' }),
    grpc(UNAVAILABLE, '', { ...gateway, 'x-envoy-ratelimited': 'true' }),
    grpc(RESOURCE_EXHAUSTED, '', { ...withUpstreamTime, 'x-envoy-ratelimited': 'true' }),
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

test('Every row of the table has an example answer and a source', () => {
  assert.deepEqual(
    refusalRows.map(({ name }) => name),
    Object.keys(answers),
  );
  for (const { name, source } of refusalRows) assert.match(source, /^(?:envoy|istio) [a-z/_]+\.(?:cc|go)? ?/, name);
});

for (const row of refusalRows) {
  test(`The answer "${row.name}" has the reason ${row.reason}, over HTTP and gRPC`, () => {
    for (const answer of answers[row.name] ?? []) {
      const refusal = refusalOf(answer);
      assert.equal(refusal?.reason, row.reason, JSON.stringify(answer));
      assert.ok(refusal.explanation.startsWith(row.explanation), refusal.explanation);
    }
  });
}

test('The explanation names the proxy that refused, as far as the headers show it', () => {
  const explanation = (headers: Headers): string | undefined =>
    refusalOf(http(403, 'RBAC: access denied', headers))?.explanation;
  assert.match(explanation(own) ?? '', / Said by the first proxy on the way: in Istio, the caller's own sidecar\.$/);
  assert.match(
    explanation(gateway) ?? '',
    / Said by the first proxy on the way: a gateway, a waypoint or the callee's/,
  );
  assert.match(explanation(withUpstreamTime) ?? '', / Said by a proxy after the first one/);
  assert.match(explanation({}) ?? '', /JWT claims\)\.$/);
});

const unknownRefusals: readonly (readonly [string, UnsignedAnswer])[] = [
  ['a direct response of a route', http(503, 'sorry')],
  ['headers that are too large', http(431, 'Request Header Fields Too Large')],
  ['an external authorizer', http(403, '')],
  ['the answer to HEAD, which has no text', { ...http(503, ''), headers: { ...own, 'content-length': '19' } }],
  ['a direct response over gRPC', grpc(UNAVAILABLE, 'sorry')],
  ['a redirect over gRPC', grpc(UNKNOWN, '', { ...own, location: 'http://x/' })],
  ['a request that Envoy cannot parse', grpc(INTERNAL, 'bad request', gateway)],
];
for (const [name, answer] of unknownRefusals) {
  test(`The reason is unknown for ${name}`, () => assert.equal(refusalOf(answer)?.reason, 'unknown'));
}

const foreign: readonly (readonly [string, UnsignedAnswer])[] = [
  ['a 503 with its own text, no proxy', http(503, 'down for today', {})],
  ['a 503 with its own text through a sidecar', http(503, 'down for today', withUpstreamTime)],
  ['an empty 503 through a sidecar', http(503, '', withUpstreamTime)],
  ['an empty 404 through a sidecar', http(404, '', withUpstreamTime)],
  ['an empty 404, no proxy', http(404, '', {})],
  ['an empty 404 of another server', http(404, '', { server: 'nginx' })],
  [
    'a 404 with a page through a sidecar without the upstream time',
    {
      ...http(404, '<h1>no</h1>'),
      headers: { ...own, 'content-type': 'text/html' },
    },
  ],
  ['a 401 of a service that checks tokens', http(401, 'JWT expired', withUpstreamTime)],
  ['a 429 through a sidecar', http(429, 'slow down', withUpstreamTime)],
  ["a 200 with Envoy's text", http(200, 'no healthy upstream', withUpstreamTime)],
  ["Envoy's text with another status", http(404, 'RBAC: access denied', withUpstreamTime)],
  ["Envoy's text in a longer one", http(503, 'cause: no healthy upstream', withUpstreamTime)],
  ['a stream timeout of a service through a sidecar', http(504, 'stream timeout', withUpstreamTime)],
  ['a redirect of a route', http(301, '', own)],
  ['a direct response of a route with status 200', http(200, 'hello', own)],
  [
    'a gRPC server without Call through a sidecar',
    grpc(UNIMPLEMENTED, 'unknown service meshmock.v1.MeshMock', withUpstreamTime),
  ],
  [
    'a gRPC server that answers before the end of the request',
    grpc(UNIMPLEMENTED, 'unknown service meshmock.v1.MeshMock', own),
  ],
  ['a gRPC server that is not available', grpc(UNAVAILABLE, 'come back later', withUpstreamTime)],
];
for (const [name, answer] of foreign) {
  test(`The answer is not a refusal: ${name}`, () => assert.equal(refusalOf(answer), undefined));
}

test('An answer that a meshmock signed is never a refusal', () => {
  const lookalikes = fc.oneof(
    fc.constantFrom(...Object.values(answers).flat(), ...unknownRefusals.map(([, answer]) => answer)),
    fc.record({
      status: fc.integer({ min: 200, max: 599 }),
      body: fc.oneof(fc.string(), fc.constantFrom('', 'no healthy upstream', 'RBAC: access denied')),
      headers: fc.constantFrom<Headers>({}, own, gateway, withUpstreamTime, { 'x-envoy-overloaded': 'true' }),
    }),
  );
  fc.assert(
    fc.property(lookalikes, fc.string(), (answer, signature) => {
      assert.equal(refusalOf({ ...answer, headers: { ...answer.headers, 'x-meshmock': signature } }), undefined);
    }),
  );
});
