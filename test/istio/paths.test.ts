import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { formatPath } from '../../src/plan/format.ts';
import { parsePath } from '../../src/plan/parse.ts';
import type { Reply } from '../../src/reply/reply.ts';
import { callHttp, leavesOf, type RunningMesh, sendHttp, startMesh } from '../running-mesh.ts';
import { demoWorkloads, startTestMesh, type TestMesh } from './local-mesh.ts';

/** Both of istio/demo/ingress.yaml, and a prefix that is taken away. */
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

/** What arrives as it was sent. */
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

/** What is changed, and how: in what stands before `?` alone. */
const changed: readonly (readonly [sent: string, seen: string])[] = [
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

/** Values of headers, as they stand in brackets: all that is changed is what the service decodes again. */
const values: readonly (readonly [text: string, value: string])[] = [
  ['b|c,d', 'b|c,d'],
  ['(x;y)*~@=:[', '(x;y)*~@=:['],
  ['{"a":"<b>"}', '{"a":"<b>"}'],
  ['a%5Db%7Cc%2Cd%25e%20f', 'a]b|c,d%e f'],
  ['a%5Cb%2F..%2Fc%23d', 'a\\b/../c#d'],
];

/** A plan of many calls and 12,000 characters, with all that the language has. */
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

/** What of a tree a mesh must leave as it is: who called whom, with what, and what came of it. */
function treeOf({ service, status, request, behaviour, calls }: Reply): unknown {
  const headers = Object.entries(request?.headers ?? {}).filter(([name]) => /^h\d+$/.test(name));
  return {
    ...{ service, status, plan: formatPath(parsePath(request?.uri ?? '')).replaceAll('%7C', '|') },
    headers: Object.fromEntries(headers),
    didDelay: behaviour !== undefined,
    calls: calls?.map(({ target, scheme, stage, answeredBy, reply, summary }) => ({
      ...{ target, scheme, stage, answeredBy, byStatus: summary?.byStatus },
      reply: reply === undefined ? undefined : treeOf(reply),
      samples: summary?.samples?.map(({ call }) => call.reply && treeOf(call.reply)),
    })),
  };
}

suite('what a mesh does to a path', { timeout: 300_000 }, () => {
  let bed: TestMesh;
  const portOf = (address: string): number => Number(address.split(':')[1]);
  const ways = {
    'two sidecars': (path: string) => callHttp(portOf(bed.http('gateway')), path),
    'the ingress gateway and three sidecars': (path: string) => callHttp(portOf(bed.gateway(80)), path),
  };
  before(async () => {
    bed = await startTestMesh([demoWorkloads, ingress]);
  });
  after(() => bed?.[Symbol.asyncDispose]());

  /** The requests that arrived where no further call was made. */
  const arrived = (reply: Reply) => leavesOf(reply).map(({ request }) => request);

  for (const [way, call] of Object.entries(ways)) {
    test(`${way} leave almost all as it is`, async () => {
      for (const path of unchanged) {
        const [seen] = arrived(await call(`/@service4${path}`));
        assert.equal(seen?.uri, path);
      }
    });

    test(`${way} encode, decode and resolve a little`, async () => {
      for (const [sent, uri] of changed) {
        const [seen] = arrived(await call(`/@service4${sent}`));
        assert.equal(seen?.uri, uri, sent);
      }
    });

    test(`${way} leave the values of headers as they are`, async () => {
      for (const [text, value] of values) {
        const [seen] = arrived(await call(`/@service1/@service4[x-value=${text}]/x`));
        assert.equal(seen?.headers?.['x-value'], value, text);
      }
    });
  }

  test('gRPC carries a plan in its message, which nobody touches', async () => {
    for (const path of [...unchanged, ...changed.map(([sent]) => sent)]) {
      const [seen] = arrived(await ways['two sidecars'](`/@grpc:service4${path}`));
      assert.deepEqual([seen?.uri, seen?.protocol], [path, 'grpc']);
    }
  });

  test('dot segments at the ingress eat up what stands before them, calls too', async () => {
    const call = ways['the ingress gateway and three sidecars'];
    const eaten = await call('/@service4/../x');
    assert.deepEqual([eaten.request?.uri, eaten.calls], ['/x', undefined]);
    const inside = await call('/@service4(/@service1/a/../b)/x');
    assert.deepEqual(
      arrived(inside).map((request) => request?.uri),
      ['/b'],
    );
  });

  test('at the ingress, # and all behind it are gone, other than %23', async () => {
    const call = ways['the ingress gateway and three sidecars'];
    assert.equal((await call('/@service4/x#y')).request?.uri, '/@service4/x');
    assert.deepEqual(
      arrived(await call('/@service4/x%23y')).map((request) => request?.uri),
      ['/x%23y'],
    );
  });

  test('the ingress refuses a zero byte, and what is no ASCII and not encoded', async () => {
    for (const path of ['/@service4/x%00', '/@service4/\u00e9']) {
      const { status, headers } = await sendHttp(portOf(bed.gateway(80)), path);
      assert.deepEqual([status, headers['x-meshmock']], [400, undefined]);
    }
  });

  test('a prefix that the ingress takes away leaves two slashes, which is the same plan', async () => {
    const reply = await ways['the ingress gateway and three sidecars']('/web/@service4|service1/x');
    assert.equal(reply.request?.uri, '//@service4%7Cservice1/x');
    assert.deepEqual(
      leavesOf(reply).map(({ service }) => service),
      ['service4', 'service1'],
    );
  });

  suite('a plan of 12,000 characters', () => {
    const plan = longPlan();
    let alone: RunningMesh;
    before(async () => {
      alone = await startMesh(['gateway', 'service1', 'service4']);
    });
    after(() => alone?.[Symbol.asyncDispose]());
    for (const [way, call] of Object.entries(ways)) {
      test(`through ${way} has the tree that it has without`, async () => {
        assert.ok(plan.length >= 12_000);
        const expected = await callHttp(alone.httpPort('gateway'), plan);
        assert.deepEqual([expected.status, expected.calls?.length], [200, 4]);
        assert.deepEqual(treeOf(await call(plan)), treeOf(expected));
      });
    }
  });

  test('58,000 characters pass, 63,000 are more than Envoy takes', async () => {
    const [seen] = arrived(await ways['the ingress gateway and three sidecars'](`/@service4/${'x'.repeat(58_000)}`));
    assert.equal(seen?.uri.length, 58_001);
    const { calls } = await ways['two sidecars'](`/@service4/${'x'.repeat(63_000)}`);
    assert.deepEqual([calls?.[0]?.status, calls?.[0]?.mesh?.refusal?.reason], [431, 'unknown']);
  });
});
