import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isPlausible } from '../../src/cases/check-destinations.ts';
import { checkRewrite } from '../../src/cases/check-rewrite.ts';
import { clusterRequests, parseCluster, requestsSince } from '../../src/cases/clusters.ts';
import { entrancesOf, entranceTitle, missingObjects } from '../../src/cases/entrances.ts';
import { RouteConfig } from '../../src/cases/route-config.ts';
import { parseManifests } from '../../src/istio/manifest.ts';

function config(...specs: readonly string[]): RouteConfig {
  const text = specs
    .map((spec, index) => {
      const metadata = `{ name: vs-${index}, namespace: shop }`;
      return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: ${metadata}\nspec: ${spec}\n`;
    })
    .join('---\n');
  return new RouteConfig(parseManifests([{ name: 'routes', text }]).map(({ object }) => object));
}

suite('where requests for an authority enter', () => {
  const routes = config(
    '{ hosts: [a.test], gateways: [mesh] }',
    '{ hosts: ["*.b.test"], gateways: [front, other/back] }',
    '{ hosts: [reviews] }',
    '{ hosts: [both.test], gateways: [mesh, front] }',
    '{ http: [] }',
  );

  for (const [authority, titles] of Object.entries({
    'a.test': ['from a sidecar in shop'],
    'A.TEST:80': ['from a sidecar in shop'],
    'www.b.test': ['at gateway front', 'at gateway back'],
    reviews: ['from a sidecar in shop'],
    'reviews.shop': ['from a sidecar in shop'],
    'reviews.shop.svc.cluster.local': ['from a sidecar in shop'],
    'both.test': ['from a sidecar in shop', 'at gateway front'],
    'nobody.test': ['from a sidecar in shop'],
  }))
    test(`${authority}: ${titles.join(', ')}`, () => {
      assert.deepEqual(entrancesOf(routes, authority).map(entranceTitle), titles);
    });

  test('a wildcard is not the name behind it', () => {
    assert.deepEqual(routes.of('b.test'), []);
  });

  test('without any VirtualService nobody can tell', () => {
    assert.throws(() => entrancesOf(config(), 'a.test'), /give --manifests/);
  });

  test('gateways, clients and delegates that are missing are made', () => {
    const { objects, notes } = missingObjects(
      config(
        '{ hosts: [a.test], gateways: [mesh, front], http: [{ delegate: { name: gone } }, { delegate: { name: vs-1 } }] }',
        '{}',
      ),
    );
    assert.deepEqual(
      objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`),
      [
        'Service shop/meshmock-client',
        'Deployment shop/meshmock-client',
        'Gateway shop/front',
        'VirtualService shop/gone',
      ],
    );
    assert.equal(notes.length, 2);
  });
});

suite('the clusters that proxies count', () => {
  const line = (name: string, count: number): string =>
    `envoy_cluster_upstream_rq_total{cluster_name="${name}"} ${count}\n`;

  test('what proxies took in and what they report of themselves is left out', () => {
    const collector = 'outbound|4318||jaeger-collector.istio-system.svc.cluster.local';
    const before = clusterRequests([line('outbound|80||a.b', 3) + line('inbound|80||', 3)]);
    const now = clusterRequests([line('outbound|80||a.b', 4) + line(collector, 9), line('outbound|80||a.b', 1)]);
    assert.deepEqual([...requestsSince(before, now)], [['outbound|80||a.b', 2]]);
  });

  test('their names tell host, port and subset', () => {
    assert.deepEqual(parseCluster('outbound|80|v1|a.b'), { host: 'a.b', port: 80, subset: 'v1' });
    assert.equal(parseCluster('xds-grpc'), undefined);
  });
});

suite('shares', () => {
  for (const [count, all, share, expected] of [
    [200, 200, 1, true],
    [199, 200, 1, false],
    [0, 200, 0, true],
    [1, 200, 0, false],
    [40, 200, 0.2, true],
    [20, 200, 0.2, true],
    [5, 200, 0.2, false],
    [0, 200, 0.1, false],
    [0, 200, 0.01, true],
    [34, 200, 0.5, false],
    [100, 200, 0.5, true],
  ] as const)
    test(`${count} of ${all} ${expected ? 'may be' : 'is not'} ${share}`, () => {
      assert.equal(isPlausible(count, all, share), expected);
    });
});

suite('rewrites', () => {
  function seen(
    routes: string,
    rewrite: { uri?: string; regex?: { match: string; rewrite: string } },
    path: string,
    to: string,
  ) {
    const answer = { service: 'a', status: 200, request: { protocol: 'http', method: 'GET', uri: to } } as const;
    const call = { target: 'a', scheme: 'http', answeredBy: 'service', reply: answer } as const;
    const evidence = { path, calls: [call], clusters: new Map([['outbound|80||a.b', 1]]), shown: undefined };
    const asserted = { uri: rewrite.uri, authority: undefined, regex: rewrite.regex };
    return checkRewrite(asserted, config(`{ hosts: [a.test], http: [${routes}] }`), evidence).map(({ holds }) => holds);
  }
  const byPrefix = '{ match: [{ uri: { prefix: /old } }], rewrite: { uri: /new } }';

  test('a prefix that matched is replaced, and what follows stays', () => {
    assert.deepEqual(seen(byPrefix, { uri: '/new' }, '/old/7?x=1', '/new/7?x=1'), [true]);
    assert.deepEqual(seen(byPrefix, { uri: '/new' }, '/old/7', '/new'), [true]);
    assert.deepEqual(seen(byPrefix, { uri: '/new' }, '/old/7', '/old/7'), [false]);
    assert.deepEqual(seen(byPrefix, { uri: '/new' }, '/old/7', '/new/8'), [false]);
  });

  test('what a rewrite leaves as it is cannot be told', () => {
    assert.deepEqual(seen('{ match: [{ uri: { prefix: / } }], rewrite: { uri: / } }', { uri: '/' }, '/x', '/x'), [
      undefined,
    ]);
  });

  test('a regex has its groups', () => {
    const regex = { match: '^/v1/(.*)$', rewrite: '/v2/\\1' };
    assert.deepEqual(seen('{}', { regex }, '/v1/a?b', '/v2/a?b'), [true]);
    assert.deepEqual(seen('{}', { regex }, '/v1/a', '/v1/a'), [false]);
  });
});
