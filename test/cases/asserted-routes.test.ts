import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { checkFault, checkRedirect } from '../../src/cases/asserted-routes/check-answer.ts';
import { checkRewrite } from '../../src/cases/asserted-routes/check-rewrite.ts';
import { droppedRoutesHint } from '../../src/cases/asserted-routes/dropped-routes.ts';
import { entryPointsFor, entryPointTitle, missingObjects } from '../../src/cases/asserted-routes/entry-points.ts';
import type { AssertionResult } from '../../src/cases/asserted-routes/route-evidence.ts';
import { matchesShare, sampleSize } from '../../src/cases/asserted-routes/shares.ts';
import { countsSince, parseClusterName, parseProxyCounts } from '../../src/cases/envoy-clusters.ts';
import { RouteConfig } from '../../src/cases/route-config.ts';
import { parseManifests } from '../../src/istio/resources/manifest.ts';

function config(...specs: readonly string[]): RouteConfig {
  const text = specs
    .map((spec, index) => {
      const metadata = `{ name: vs-${index}, namespace: shop }`;
      return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: ${metadata}\nspec: ${spec}\n`;
    })
    .join('---\n');
  return new RouteConfig(parseManifests([{ name: 'routes', text }]).map(({ object }) => object));
}

suite('entry points of an authority', () => {
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
      assert.deepEqual(entryPointsFor(routes, authority).map(entryPointTitle), titles);
    });

  test('a wildcard does not match its own domain', () => {
    assert.deepEqual(routes.virtualServicesFor('b.test'), []);
  });

  test('an authority has no entry point without VirtualServices', () => {
    assert.throws(() => entryPointsFor(config(), 'a.test'), /add the manifests that have them with --manifests/);
  });

  test('missing gateways, clients and delegates are added', () => {
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

test('a destination of a split route is found by its short name and its full name', () => {
  const routes = config(
    '{ hosts: [a.test], http: [{ route: [{ destination: { host: a } }, { destination: { host: b.test } }] }] }',
    '{ hosts: [b.test], http: [{ route: [{ destination: { host: c } }] }, { route: null }, { redirect: { uri: / } }] }',
  );
  const hosts = ['a', 'a.shop.svc.cluster.local', 'b.test', 'b', 'c'];
  assert.deepEqual(
    hosts.filter((host) => routes.sharesRoute(host)),
    ['a', 'a.shop.svc.cluster.local', 'b.test'],
  );
});

suite('counters of proxies', () => {
  const line = (name: string, count: number): string =>
    `envoy_cluster_upstream_rq_total{cluster_name="${name}"} ${count}\n`;

  test('requests to their own pods and exported spans do not count', () => {
    const collector = 'outbound|4318||jaeger-collector.istio-system.svc.cluster.local';
    const before = parseProxyCounts(line('outbound|80||a.b', 3) + line('inbound|80||', 3));
    const now = parseProxyCounts(line('outbound|80||a.b', 4) + line(collector, 9) + line('outbound|80||a.b', 1));
    assert.deepEqual([...countsSince(before, now).clusters], [['outbound|80||a.b', 2]]);
  });

  test('delays of all listeners are added up', () => {
    const delays = (count: number): string =>
      [80, 8080]
        .map(
          (port) => `envoy_http_fault_delays_injected{http_conn_manager_prefix="outbound_0.0.0.0_${port}"} ${count}\n`,
        )
        .join('');
    assert.equal(countsSince(parseProxyCounts(delays(1)), parseProxyCounts(delays(3))).delays, 4);
  });

  test('the name of a cluster has its host, port and subset', () => {
    assert.deepEqual(parseClusterName('outbound|80|v1|a.b'), { host: 'a.b', port: 80, subset: 'v1' });
    assert.equal(parseClusterName('xds-grpc'), undefined);
  });
});

suite('routes of delegates that Istio drops', () => {
  const delegate = (roots: string, leaf: string, uri = '/a?x'): string =>
    droppedRoutesHint(
      { authority: 'a.test', method: 'GET', uri, headers: [] },
      config(
        `{ hosts: [a.test], http: [{ ${roots} delegate: { name: vs-1 } }, { delegate: { name: gone } }] }`,
        `{ http: [{ match: [{ uri: { ${leaf} } }, { method: { exact: GET } }] }] }`,
      ),
    );

  test('are named, with the reason, if one of both paths is a regex', () => {
    const hint =
      '; Istio drops routes of vs-1 (delegate of vs-0): a regex of the path cannot be combined with the path of the other VirtualService';
    assert.equal(delegate('match: [{ uri: { regex: "/a.*" } }],', 'regex: "/a.*"'), hint);
    assert.equal(delegate('match: [{ uri: { regex: "/a.*" } }],', 'prefix: /a'), hint);
    assert.equal(delegate('match: [{ uri: { exact: /a } }],', 'regex: "/a.*"'), hint);
  });

  test('are not named for requests that they would not take', () => {
    assert.equal(delegate('match: [{ uri: { regex: "/a.*" } }],', 'regex: "/a.*"', '/b'), '');
  });

  test('are not named if Istio keeps them', () => {
    assert.equal(delegate('match: [{ uri: { prefix: /a } }],', 'prefix: /a/b'), '');
    assert.equal(delegate('', 'regex: "/a.*"'), '');
    assert.equal(delegate('match: [{ uri: { prefix: /a } }, { method: { exact: GET } }],', 'regex: "/a.*"'), '');
  });
});

suite('shares', () => {
  for (const [count, all, share, expected] of [
    [200, 200, 1, true],
    [199, 200, 1, false],
    [0, 200, 0, true],
    [1, 200, 0, false],
    [100, 200, 0.5, true],
    [66, 200, 0.5, true],
    [65, 200, 0.5, false],
    [134, 200, 0.5, true],
    [135, 200, 0.5, false],
    [57, 1000, 0.1, true],
    [56, 1000, 0.1, false],
    [149, 1000, 0.1, true],
    [150, 1000, 0.1, false],
    [1960, 2000, 0.98, true],
    [2000, 2000, 0.98, false],
    [1980, 2000, 0.99, true],
    [0, 2000, 0.01, false],
    [1, 2000, 0.001, true],
    [50, 2000, 0.001, false],
    [0, 2000, 0.001, undefined],
    [2000, 2000, 0.999, undefined],
    [1000, 2000, 0.999, false],
  ] as const)
    test(`${count} of ${all} ${expected ? 'is plausible for' : expected === false ? 'is not plausible for' : 'does not show'} a share of ${share}`, () => {
      assert.equal(matchesShare(count, all, share), expected);
    });

  test('a share and its complement give the same result', () => {
    for (const share of [0.001, 0.02, 0.05, 0.3, 0.5])
      for (const all of [200, 2000])
        for (let count = 0; count <= all; count += 7)
          assert.equal(
            matchesShare(count, all, share),
            matchesShare(all - count, all, 1 - share),
            `${count} of ${all}: ${share}`,
          );
  });

  /** Returns the probability that `all` requests of a share are accepted as another share. */
  function acceptedAs(other: number, share: number, all: number): number {
    let probability = 0;
    let logarithm = all * Math.log1p(-share);
    for (let count = 0; count <= all; count++) {
      if (matchesShare(count, all, other) !== false) probability += Math.exp(logarithm);
      logarithm += Math.log(((all - count) / (count + 1)) * (share / (1 - share)));
    }
    return probability;
  }

  for (const share of [0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95, 0.98, 0.99])
    test(`a share of ${share} is reported as wrong once in a million, as the docs say`, () => {
      assert.ok(1 - acceptedAs(share, share, sampleSize([share, 1 - share])) < 1.001e-6);
    });

  for (const share of [0.05, 0.1, 0.2, 0.25, 0.4])
    test(`a share of ${2 * share} is accepted as ${share} once in 10 000, as the docs say`, () => {
      assert.ok(acceptedAs(share, 2 * share, sampleSize([share, 1 - share])) < 1e-4);
    });

  test('the smallest share determines the size of a sample, up to 2000', () => {
    assert.deepEqual(
      [
        [0.5, 0.5],
        [0.8, 0.2],
        [0.1, 0.2, 0.7],
        [0.99, 0.01],
        [0, 1],
      ].map(sampleSize),
      [200, 500, 1000, 2000, 200],
    );
  });
});

const answer = { target: 'a', scheme: 'http', answeredBy: 'service' } as const;
const nothing = { path: '/x', clusters: new Map<string, number>(), delays: 0, headerAnswer: undefined };

/** Returns whether an assertion holds; undefined if the evidence does not show it. */
function holdsOf(result: AssertionResult | undefined): boolean | undefined {
  return result?.kind === 'seen' ? result.holds : undefined;
}

suite('delays', () => {
  function holds(percent: number, delays: number, ...timesMs: readonly number[]): boolean | undefined {
    const calls = timesMs.map((durationMs) => ({ ...answer, durationMs, mesh: { upstreamMs: 3 } }));
    const [found] = checkFault({ delay: { delayMs: 100, percent }, abort: undefined }, { ...nothing, calls, delays });
    return holdsOf(found);
  }

  test('the fastest request shows the delay, without the time of the service', () => {
    assert.equal(holds(100, 3, 400, 104, 900), true);
    assert.equal(holds(100, 3, 1003, 1400, 1900), false);
    assert.equal(holds(100, 3, 90, 104, 105), false);
  });

  test('the counters of proxies show how many requests are delayed', () => {
    assert.equal(holds(100, 0, 120, 120, 120), false);
    assert.equal(holds(100, 2, 120, 120, 120), false);
    assert.equal(holds(50, 2, 5, 104, 7, 300), true);
    assert.equal(holds(50, 2, 5, 104, 250, 300), false);
    assert.equal(holds(50, 2, 5, 6, 7, 300), false);
  });
});

suite('redirects', () => {
  const request = { authority: 'a.test', method: 'GET', uri: '/x', headers: [] };

  function holds(location: string, redirect: { authority?: string; scheme?: string; port?: number }, from = request) {
    const calls = [{ ...answer, status: 301, headers: { location } }];
    const asserted = {
      uri: undefined,
      authority: undefined,
      scheme: undefined,
      port: undefined,
      status: 301,
      ...redirect,
    };
    return holdsOf(checkRedirect(asserted, from, { ...nothing, calls }));
  }

  test('the port is that of the authority, the request or the scheme', () => {
    assert.equal(holds('http://b.test:8443/x', { authority: 'b.test:8443' }), true);
    assert.equal(holds('http://b.test:9999/x', { authority: 'b.test:8443' }), false);
    assert.equal(holds('http://b.test:9999/x', { authority: 'b.test' }), false);
    assert.equal(holds('http://b.test/x', { authority: 'b.test', port: 80 }), true);
    assert.equal(holds('http://b.test:8443/x', { authority: 'b.test', port: 80 }), false);
    assert.equal(holds('https://a.test/x', { scheme: 'https' }), true);
    assert.equal(holds('https://a.test/x', { scheme: 'https' }, { ...request, authority: 'a.test:80' }), true);
    assert.equal(
      holds('http://a.test:8080/x', { authority: 'A.test' }, { ...request, authority: 'b.test:8080' }),
      false,
    );
    assert.equal(holds('http://a.test:8080/x', {}, { ...request, authority: 'a.test:8080' }), true);
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
    const evidence = {
      path,
      calls: [call],
      clusters: new Map([['outbound|80||a.b', 1]]),
      delays: 0,
      headerAnswer: undefined,
    };
    const asserted = { uri: rewrite.uri, authority: undefined, regex: rewrite.regex };
    return checkRewrite(asserted, config(`{ hosts: [a.test], http: [${routes}] }`), evidence).map(holdsOf);
  }
  const byPrefix = '{ match: [{ uri: { prefix: /old } }], rewrite: { uri: /new } }';

  test('a rewrite replaces the prefix that matched, and keeps the rest', () => {
    assert.deepEqual(seen(byPrefix, { uri: '/new' }, '/old/7?x=1', '/new/7?x=1'), [true]);
    assert.deepEqual(seen(byPrefix, { uri: '/new' }, '/old/7', '/new'), [true]);
    assert.deepEqual(seen(byPrefix, { uri: '/new' }, '/old/7', '/old/7'), [false]);
    assert.deepEqual(seen(byPrefix, { uri: '/new' }, '/old/7', '/new/8'), [false]);
  });

  test('a rewrite that does not change the path is not seen', () => {
    assert.deepEqual(seen('{ match: [{ uri: { prefix: / } }], rewrite: { uri: / } }', { uri: '/' }, '/x', '/x'), [
      undefined,
    ]);
  });

  test('a rewrite by a regex fills in its groups', () => {
    const regex = { match: '^/v1/(.*)$', rewrite: '/v2/\\1' };
    assert.deepEqual(seen('{}', { regex }, '/v1/a?b', '/v2/a?b'), [true]);
    assert.deepEqual(seen('{}', { regex }, '/v1/a', '/v1/a'), [false]);
  });

  test('a regex that JavaScript and RE2 read differently is not seen', () => {
    for (const match of [
      '(?i)^/V1/(.*)$',
      '^/v1/(?P<rest>.*)$',
      '\\A/v1/(.*)\\z',
      '^/v1/([[:alpha:]]*)$',
      '^/v1/(\\pL*)$',
    ]) {
      assert.deepEqual(seen('{}', { regex: { match, rewrite: '/v2/\\1' } }, '/v1/a', '/v2/a'), [undefined], match);
    }
  });

  test('a needless backslash in a regex is ignored', () => {
    const regex = { match: '^\\/v\\-1/([a\\-b]+)\\.\\\\?$', rewrite: '/v2/\\1' };
    assert.deepEqual(seen('{}', { regex }, '/v-1/a-b.', '/v2/a-b'), [true]);
    assert.deepEqual(seen('{}', { regex }, '/v-1/a-bx', '/v2/a-b'), [undefined]);
  });
});
