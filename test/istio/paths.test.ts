import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { formatPath } from '../../src/plan/format.ts';
import { parsePath } from '../../src/plan/parse.ts';
import type { Reply } from '../../src/reply/reply.ts';
import { callHttp, leavesOf, sendHttp, startMesh, type TestMesh } from '../running-mesh.ts';
import { demoWorkloads, type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

/** Gateway and VirtualService of istio/demo/ingress.yaml, with a route that removes a prefix. */
const ingress = {
  name: 'ingress',
  text: `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ingress }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ingress }
spec:
  hosts: ["*"]
  gateways: [ingress]
  http:
  - match: [{ uri: { prefix: /web } }]
    rewrite: { uri: / }
    route: [{ destination: { host: gateway, port: { number: 8080 } } }]
  - route: [{ destination: { host: gateway, port: { number: 8080 } } }]
`,
};

/** Paths that arrive unchanged. */
const unchanged = [
  "/a,b;c*d~e=f@g[h]i:j(k)l!m$n&o'p+q-r_s.t",
  '/%7C%2C%40%2F%5D%5B%25%20%3B%28%29%23%5C%22',
  '/%7c%2c%40%2f%5d',
  '/%C3%A9%e2%82%ac',
  '/a%zz%',
  '//a//b///',
  '/a...b/.c/d.',
  '/a?b|c=[d]{e}\\f"g<h>i^j`k',
  '/a?b=//c/../d/./e',
  '/a?b=%7C%41',
];

/** Paths that arrive changed. Only the part before `?` changes. */
const changed: readonly (readonly [sent: string, received: string])[] = [
  ['/a|b', '/a%7Cb'],
  ['/a"b<c>d^e`f{g}h', '/a%22b%3Cc%3Ed%5Ee%60f%7Bg%7Dh'],
  ['/a\\b', '/a/b'],
  ['/a/./b/.', '/a/b/'],
  ['/a/b/../c', '/a/c'],
  ['/a/b/..', '/a/'],
  ['/a/%2e%2E/b', '/b'],
  ['/%41%7a%30%2D%5f%7e', '/Az0-_~'],
  ['/a|b?c|d', '/a%7Cb?c|d'],
];

/** Values of headers as written in a plan, and as a service decodes them. */
const values: readonly (readonly [text: string, value: string])[] = [
  ['b|c,d', 'b|c,d'],
  ['(x;y)*~@=:[', '(x;y)*~@=:['],
  ['{"a":"<b>"}', '{"a":"<b>"}'],
  ['a%5Db%7Cc%2Cd%25e%20f', 'a]b|c,d%e f'],
  ['a%5Cb%2F..%2Fc%23d', 'a\\b/../c#d'],
];

/** Returns a plan of 12,000 characters with many calls and every feature of the language. */
function longPlan(): string {
  const header = (index: number): string => `[h${index}=${'a|b,c;(d)~@*='.repeat(40)}${index}]`;
  const leaf = (index: number): string => `service4${header(index)};timeout=20s`;
  const group = [
    `service1${header(1)}(/@${leaf(2)}|grpc:${leaf(3)}/~delay=1ms/a,b;c)`,
    `service1*2${header(4)}(/@service4:8080,service1${header(5)}/x?y|z)`,
    `grpc:service1(/@${leaf(6)},${leaf(7)}/%7C%2C%40)`,
  ].join('|');
  const plan = `/@${group},service4${header(8)}/@service1${header(9)}/@${leaf(10)}|grpc:${leaf(11)}//a/`;
  return plan + 'b(c)d*e=f@'.repeat(Math.ceil((12_000 - plan.length) / 10));
}

/** Returns the parts of a reply that a mesh must not change: the calls, their requests and their results. */
function treeOf({ service, status, request, behaviour, calls }: Reply): unknown {
  const headers = Object.entries(request?.headers ?? {}).filter(([name]) => /^h\d+$/.test(name));
  return {
    service,
    status,
    plan: formatPath(parsePath(request?.uri ?? '')).replaceAll('%7C', '|'),
    headers: Object.fromEntries(headers),
    didDelay: behaviour !== undefined,
    calls: calls?.map(({ target, scheme, stage, answeredBy, reply, summary }) => ({
      target,
      scheme,
      stage,
      answeredBy,
      byStatus: summary?.byStatus,
      reply: reply === undefined ? undefined : treeOf(reply),
      // The second one is the slowest call, unless that is the first one.
      sample: summary?.samples?.slice(0, 1).map(({ call }) => call.reply && treeOf(call.reply)),
    })),
  };
}

suite('the path of a request in a mesh', { timeout: 300_000 }, () => {
  let mesh: LocalMeshFixture;
  const portOf = (address: string): number => Number(address.split(':')[1]);
  const routes = {
    'two sidecars': (path: string) => callHttp(portOf(mesh.http('gateway')), path),
    'the ingress gateway and three sidecars': (path: string) => callHttp(portOf(mesh.gateway(80)), path),
  };
  before(async () => {
    mesh = await startLocalMesh([demoWorkloads, ingress]);
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  /** Returns the requests that arrived at services without further calls. */
  const received = (reply: Reply) => leavesOf(reply).map(({ request }) => request);

  for (const [route, call] of Object.entries(routes)) {
    test(`${route} keep most characters`, async () => {
      for (const path of unchanged) {
        const [request] = received(await call(`/@service4${path}`));
        assert.equal(request?.uri, path);
      }
    });

    test(`${route} encode, decode and normalize some characters`, async () => {
      for (const [sent, uri] of changed) {
        const [request] = received(await call(`/@service4${sent}`));
        assert.equal(request?.uri, uri, sent);
      }
    });

    test(`${route} keep the values of headers`, async () => {
      for (const [text, value] of values) {
        const [request] = received(await call(`/@service1/@service4[x-value=${text}]/x`));
        assert.equal(request?.headers?.['x-value'], value, text);
      }
    });
  }

  test('gRPC carries a plan in its message, which no proxy changes', async () => {
    for (const path of [...unchanged, ...changed.map(([sent]) => sent)]) {
      const [request] = received(await routes['two sidecars'](`/@grpc:service4${path}`));
      assert.deepEqual([request?.uri, request?.protocol], [path, 'grpc']);
    }
  });

  test('dot segments at the ingress remove the segments before them, even calls', async () => {
    const call = routes['the ingress gateway and three sidecars'];
    const withoutCall = await call('/@service4/../x');
    assert.deepEqual([withoutCall.request?.uri, withoutCall.calls], ['/x', undefined]);
    const inGroup = await call('/@service4(/@service1/a/../b)/x');
    assert.deepEqual(
      received(inGroup).map((request) => request?.uri),
      ['/b'],
    );
  });

  test('the ingress removes # and everything after it, but keeps %23', async () => {
    const call = routes['the ingress gateway and three sidecars'];
    assert.equal((await call('/@service4/x#y')).request?.uri, '/@service4/x');
    assert.deepEqual(
      received(await call('/@service4/x%23y')).map((request) => request?.uri),
      ['/x%23y'],
    );
  });

  test('the ingress refuses a zero byte, and characters outside ASCII that are not encoded', async () => {
    for (const path of ['/@service4/x%00', '/@service4/\u00e9']) {
      const { status, headers } = await sendHttp(portOf(mesh.gateway(80)), path);
      assert.deepEqual([status, headers['x-meshmock']], [400, undefined]);
    }
  });

  test('the removal of a prefix by the ingress leaves two slashes, which mean the same plan', async () => {
    const reply = await routes['the ingress gateway and three sidecars']('/web/@service4|service1/x');
    assert.equal(reply.request?.uri, '//@service4%7Cservice1/x');
    assert.deepEqual(
      leavesOf(reply).map(({ service }) => service),
      ['service4', 'service1'],
    );
  });

  suite('a plan of 12,000 characters', () => {
    const plan = longPlan();
    let alone: TestMesh;
    before(async () => {
      alone = await startMesh(['gateway', 'service1', 'service4']);
    });
    after(() => alone?.[Symbol.asyncDispose]());
    for (const [route, call] of Object.entries(routes)) {
      test(`through ${route} results in the same tree as without a mesh`, async () => {
        assert.ok(plan.length >= 12_000);
        const expected = await callHttp(alone.httpPort('gateway'), plan);
        assert.deepEqual([expected.status, expected.calls?.length], [200, 4]);
        assert.deepEqual(treeOf(await call(plan)), treeOf(expected));
      });
    }
  });

  test('a path of 58,000 characters arrives, but Envoy refuses one of 63,000', async () => {
    const [request] = received(
      await routes['the ingress gateway and three sidecars'](`/@service4/${'x'.repeat(58_000)}`),
    );
    assert.equal(request?.uri.length, 58_001);
    const { calls } = await routes['two sidecars'](`/@service4/${'x'.repeat(63_000)}`);
    assert.deepEqual([calls?.[0]?.status, calls?.[0]?.mesh?.refusal?.reason], [431, 'unknown']);
  });
});
