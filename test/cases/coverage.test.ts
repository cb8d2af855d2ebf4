import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { requestsOrConnections } from '../../src/cases/clusters.ts';
import { coverageOf } from '../../src/cases/coverage/coverage.ts';
import type { LoggedRequest } from '../../src/istio/access-log.ts';
import { parseAccessLog } from '../../src/istio/access-log.ts';
import { parseManifests } from '../../src/istio/manifest.ts';

interface Seen {
  readonly clusters?: readonly string[];
  readonly requests?: readonly Partial<LoggedRequest>[];
}

function coverage(text: string, { clusters = [], requests = [] }: Seen = {}) {
  const none = { route: undefined, config: undefined, unservedCluster: undefined, rule: undefined };
  const met = { clusters: new Set(clusters), requests: requests.map((request) => ({ ...none, ...request })) };
  return coverageOf(parseManifests([{ name: 'm.yaml', text }]), 'default', met);
}

/** What was not met, without its place. */
const untested = (text: string, seen?: Seen): string[] =>
  coverage(text, seen).untested.map(({ object, part }) => `${object}: ${part}`);
const unknown = (text: string, seen?: Seen): string[] =>
  coverage(text, seen).unknown.map(({ object, part, reason }) => `${object}: ${part}: ${reason}`);

const reviewsConfig = '/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews';
const reviews = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - name: jason
      match: [{headers: {end-user: {exact: jason}}}]
      route: [{destination: {host: reviews, subset: v2}}]
    - match:
        - uri: {prefix: /a}
        - {name: b, uri: {prefix: /b}}
      redirect: {uri: /c}
    - match: [{uri: {exact: /d}}]
      directResponse: {status: 200}
    - route:
        - destination: {host: reviews, subset: v1}
        - destination: {host: ratings}
`;

suite('routes', () => {
  test('each that no request took is told with its place and where it leads', () => {
    assert.deepEqual(coverage(reviews), {
      unknown: [],
      untested: [
        { object: 'VirtualService reviews', part: 'route 1 (jason), to reviews v2', where: 'm.yaml:7:7' },
        { object: 'VirtualService reviews', part: 'route 2, a redirect', where: 'm.yaml:10:7' },
        { object: 'VirtualService reviews', part: 'route 3, a direct response', where: 'm.yaml:14:7' },
        { object: 'VirtualService reviews', part: 'route 4, to reviews v1 and ratings', where: 'm.yaml:16:7' },
      ],
    });
  });

  test('one that was taken is not told, but its matches that were not', () => {
    const requests = [
      { route: 'jason', config: reviewsConfig },
      { route: '/default/reviews/http[1].match[0]', config: reviewsConfig },
      { route: '/default/reviews/http[2].match[0]', config: reviewsConfig },
      { route: '/default/reviews/http[3]', config: reviewsConfig },
    ];
    assert.deepEqual(untested(reviews, { requests }), ['VirtualService reviews: route 2, match 2']);
    const other = { route: '/default/reviews/http[1].b', config: reviewsConfig };
    assert.deepEqual(untested(reviews, { requests: [...requests, other] }), []);
  });

  test('a route of that name in another VirtualService, or place of that number in another namespace, is another', () => {
    const requests = [
      { route: 'jason', config: reviewsConfig.replace(/reviews$/, 'ratings') },
      { route: 'jason-2', config: reviewsConfig },
      { route: '/other-default/reviews/http[2].match[0]', config: reviewsConfig },
      { route: '/default/reviews-2/http[3]', config: reviewsConfig },
    ];
    assert.equal(untested(reviews, { requests }).length, 4);
  });

  test('matches without names, of a route with one, are unknown', () => {
    const text = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
    - {name: two, match: [{uri: {exact: /a}}, {uri: {exact: /b}}], route: [{destination: {host: reviews}}]}
`;
    const config = reviewsConfig.replace('default', 'shop');
    assert.deepEqual(untested(text, { requests: [{ route: 'two', config }] }), []);
    assert.deepEqual(
      unknown(text, { requests: [{ route: 'two', config }] }),
      [1, 2].map(
        (match) =>
          `VirtualService reviews of shop: route 1 (two), match ${match}: a route with a name of its own does not say it; give its matches names too`,
      ),
    );
  });

  const delegates = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec:
  hosts: [shop.example.com]
  http:
    - {match: [{uri: {prefix: /a}}, {uri: {prefix: /b}}], delegate: {name: child}}
    - {name: own, match: [{uri: {prefix: /c}}], delegate: {name: child}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: child}
spec:
  http:
    - {match: [{uri: {exact: /a/x}}], route: [{destination: {host: a}}]}
    - {name: last, route: [{destination: {host: b}}]}
`;

  test('a delegate and what it is delegated by are both met', () => {
    assert.deepEqual(untested(delegates), [
      'VirtualService root: route 1, delegated to child',
      'VirtualService root: route 2 (own), delegated to child',
      'VirtualService child: route 1, to a',
      'VirtualService child: route 2 (last), to b',
    ]);
    const config = reviewsConfig.replace(/reviews$/, 'root');
    const joined = '/default/root/http[0]-/default/child/http[0].match[0]-match[0]';
    assert.deepEqual(untested(delegates, { requests: [{ route: joined, config }] }), [
      'VirtualService root: route 1, match 2',
      'VirtualService root: route 2 (own), delegated to child',
      'VirtualService child: route 2 (last), to b',
    ]);
    assert.deepEqual(untested(delegates, { requests: [{ route: 'own-last', config }] }), [
      'VirtualService root: route 1, delegated to child',
      'VirtualService child: route 1, to a',
    ]);
  });

  test('delegates of one root whose routes have one name are told apart by what leads to them, where that is', () => {
    const two = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec:
  hosts: [shop.example.com]
  http:
    - {match: [{uri: {prefix: /a}}], delegate: {name: a}}
    - {match: [{uri: {prefix: /b}}], delegate: {name: b}}
    - {name: r, match: [{uri: {prefix: /c}}], delegate: {name: c}}
    - {name: r, match: [{uri: {prefix: /d}}], delegate: {name: d}}
${['a', 'b', 'c', 'd']
  .map(
    (name) => `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}}
spec: {http: [{name: same, route: [{destination: {host: ${name}}}]}]}
`,
  )
  .join('')}`;
    const config = reviewsConfig.replace(/reviews$/, 'root');
    const requests = [
      { route: '/default/root/http[0]-same.match[0]', config },
      { route: 'r-same', config },
    ];
    assert.deepEqual(untested(two, { requests }), [
      'VirtualService root: route 2, delegated to b',
      'VirtualService b: route 1 (same), to b',
    ]);
    assert.deepEqual(
      unknown(two, { requests }),
      [
        'root: route 3 (r), delegated to c',
        'root: route 4 (r), delegated to d',
        'c: route 1 (same), to c',
        'd: route 1 (same), to d',
      ].map((part) => `VirtualService ${part}: another has its name in proxies too: give it one of its own`),
    );
  });

  const apiConfig = reviewsConfig.replace(/reviews$/, 'default~reviews.default.svc.cluster.local');

  test('those of Gateway API are told by their rules and matches', () => {
    const text = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: reviews}
spec:
  rules:
    - matches: [{path: {value: /a}}, {path: {value: /aa}}]
    - {name: b, matches: [{path: {value: /b}}, {path: {value: /bb}}]}
    - backendRefs: [{name: reviews, port: 80}]
`;
    const meets = (...routes: readonly string[]) => ({
      requests: routes.map((route) => ({ route, config: apiConfig })),
    });
    assert.deepEqual(
      untested(
        text,
        meets('/default/reviews/HTTPRoute[2]', '/default/reviews-2/HTTPRoute[0]', '/default/reviews/GRPCRoute[1]'),
      ),
      ['HTTPRoute reviews: rule 1', 'HTTPRoute reviews: rule 2 (b)'],
    );
    const seen = meets('/default/reviews/HTTPRoute[0].match[1]', 'b');
    assert.deepEqual(untested(text, seen), ['HTTPRoute reviews: rule 1, match 1', 'HTTPRoute reviews: rule 3']);
    assert.deepEqual(
      unknown(text, seen),
      [1, 2].map(
        (match) =>
          `HTTPRoute reviews: rule 2 (b), match ${match}: a route with a name of its own does not say it; leave the name away`,
      ),
    );
    // A route of a VirtualService has that name.
    assert.equal(untested(text, { requests: [{ route: 'b', config: reviewsConfig }] }).length, 3);
  });

  test('an HTTPRoute and a GRPCRoute of one name are two; rules to which somebody gave one name are unknown', () => {
    const route = (kind: string, rule: string) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: {name: reviews}
spec: {rules: [{${rule}}]}
`;
    const http = { requests: [{ route: '/default/reviews/HTTPRoute[0]', config: apiConfig }] };
    assert.deepEqual(untested(route('HTTPRoute', '') + route('GRPCRoute', ''), http), ['GRPCRoute reviews: rule 1']);
    const named = route('HTTPRoute', 'name: both') + route('GRPCRoute', 'name: both');
    const seen = { requests: [{ route: 'both', config: apiConfig }] };
    assert.deepEqual(untested(named, seen), []);
    assert.equal(unknown(named, seen).length, 2);
  });

  test('those of connections are unknown', () => {
    const text = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: db}
spec: {hosts: [db], tcp: [{route: [{destination: {host: db}}]}]}
`;
    assert.deepEqual(unknown(text), [
      'VirtualService db: tcp route 1: a proxy does not say which route a connection took',
    ]);
  });

  test('where somebody changes the access logs, what was not seen is unknown', () => {
    const telemetry = `---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: quiet}
spec: {accessLogging: [{disabled: true}]}
`;
    const requests = [{ route: 'jason', config: reviewsConfig }];
    assert.deepEqual(untested(reviews + telemetry, { requests }), []);
    assert.equal(unknown(reviews + telemetry, { requests }).length, 3);
  });
});

suite('subsets', () => {
  const rule = (host: string) => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: d}
spec:
  host: "${host}"
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}}
`;

  test('each that no proxy sent a request to is told', () => {
    assert.deepEqual(coverage(rule('reviews'), { clusters: ['outbound|80|v1|reviews.default.svc.cluster.local'] }), {
      unknown: [],
      untested: [{ object: 'DestinationRule d', part: 'subset v2', where: 'm.yaml:8:7' }],
    });
  });

  test('hosts are named in full, by a part, or by a wildcard', () => {
    for (const [host, of] of [
      ['reviews', 'reviews.default.svc.cluster.local'],
      ['reviews.shop.svc.cluster.local', 'reviews.shop.svc.cluster.local'],
      ['*.example.com', 'a.example.com'],
      ['api.example.com', 'api.example.com'],
    ] as const) {
      assert.deepEqual(untested(rule(host), { clusters: [`outbound|80|v2|${of}`] }), ['DestinationRule d: subset v1']);
      const others = ['outbound|80||reviews.default.svc.cluster.local', `outbound|80|v2|x${of}x`];
      assert.equal(untested(rule(host), { clusters: others }).length, 2, host);
    }
  });
});

suite('subsets of several DestinationRules', () => {
  const rules = (...all: readonly (readonly [name: string, namespace: string, spec: string])[]) =>
    all
      .map(
        ([name, namespace, spec]) => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${name}, namespace: ${namespace}}
spec: {${spec}, subsets: [{name: v1}]}
`,
      )
      .join('');
  const clusters = ['outbound|80|v1|reviews.default.svc.cluster.local'];

  test('a wildcard is not met where another names the host', () => {
    const text = rules(['all', 'default', 'host: "*.local"'], ['one', 'default', 'host: reviews']);
    assert.deepEqual(untested(text, { clusters }), ['DestinationRule all: subset v1']);
    assert.deepEqual(unknown(text, { clusters }), []);
    const other = [...clusters, 'outbound|80|v1|ratings.default.svc.cluster.local'];
    assert.deepEqual(untested(text, { clusters: other }), []);
  });

  test('whose it is, is unknown where sidecars may have either', () => {
    const text = rules(
      ['own', 'default', 'host: reviews'],
      ['theirs', 'shop', 'host: reviews.default.svc.cluster.local'],
    );
    assert.deepEqual(untested(text, { clusters }), []);
    assert.deepEqual(unknown(text, { clusters }), [
      'DestinationRule own: subset v1: DestinationRule theirs of shop has one of that name for the same host',
      'DestinationRule theirs of shop: subset v1: DestinationRule own has one of that name for the same host',
    ]);
    assert.equal(untested(text).length, 2);
  });
});

suite('rules of policies', () => {
  const policy = (spec: string, annotations = '') => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p${annotations}}
spec:
  ${spec}
  rules:
    - to: [{operation: {paths: [/a]}}]
    - to: [{operation: {paths: [/b]}}]
`;

  test('each that decided no request is told', () => {
    assert.deepEqual(coverage(policy('action: DENY'), { requests: [{ rule: 'ns[default]-policy[p]-rule[0]' }] }), {
      unknown: [],
      untested: [{ object: 'AuthorizationPolicy p', part: 'rule 2', where: 'm.yaml:8:7' }],
    });
    const others = [{ rule: 'ns[default]-policy[p2]-rule[0]' }, { rule: 'ns[shop]-policy[p]-rule[1]' }, {}];
    assert.equal(untested(policy('action: ALLOW'), { requests: others }).length, 2);
  });

  test('those of which a proxy says nothing are unknown', () => {
    assert.equal(unknown(policy('action: AUDIT')).length, 2);
    assert.equal(unknown(policy('action: CUSTOM')).length, 2);
    assert.equal(unknown(policy('action: ALLOW', ', annotations: {istio.io/dry-run: "true"}')).length, 2);
  });

  test('those for waypoints are unknown, those for gateways are not', () => {
    const gateway = (className: string) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: ${className}}
`;
    assert.equal(unknown(policy('targetRefs: [{kind: Service, group: "", name: a}]')).length, 2);
    const ofGateway = policy('targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: g}]');
    assert.equal(unknown(ofGateway + gateway('istio-waypoint')).length, 2);
    assert.equal(untested(ofGateway + gateway('istio')).length, 2);
  });

  test('a policy without rules has none to be met', () => {
    const nothing = 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {}\n';
    assert.deepEqual(coverage(nothing), { untested: [], unknown: [] });
  });
});

suite('what proxies say', () => {
  const start = '[2026-11-23T00:56:14.981Z] "GET /x HTTP/1.1" 200 - via_upstream - "-" 0 1086 1 1 "-" "curl"';

  test('a line of an access log ends with route, object and rule', () => {
    assert.deepEqual(
      parseAccessLog(
        [
          '2026-11-23T00:56:01.611858Z\tinfo\tFLAG: --concurrency="0"',
          `${start} - jason "jason" /apis/x UH outbound|80||a ns[default]-policy[p]-rule[0] -`,
          `${start} - two words "two words" - - outbound|80||a - ns[default]-policy[t]-rule[1]`,
          `${start} - default "-" - FI outbound|80||a - -`,
          '',
        ].join('\n'),
      ),
      [
        { route: 'jason', config: '/apis/x', unservedCluster: 'outbound|80||a', rule: 'ns[default]-policy[p]-rule[0]' },
        { route: 'two words', config: undefined, unservedCluster: undefined, rule: 'ns[default]-policy[t]-rule[1]' },
        { route: undefined, config: undefined, unservedCluster: undefined, rule: undefined },
      ],
    );
  });

  test('a caller cannot write the end of a line', () => {
    const forged = start.replace('"curl"', '"a" "jason" /apis/x - c r -');
    assert.deepEqual(parseAccessLog(`${forged} - default "default" - - - - -\n`), [
      { route: 'default', config: undefined, unservedCluster: undefined, rule: undefined },
    ]);
  });

  test('a cluster counts requests, or connections where there are none', () => {
    const stats = [
      '# TYPE envoy_cluster_upstream_rq_total counter',
      'envoy_cluster_upstream_rq_total{cluster_name="outbound|80|v1|a"} 3',
      'envoy_cluster_upstream_cx_total{cluster_name="outbound|80|v2|a"} 2',
      'envoy_cluster_upstream_rq_total{cluster_name="inbound|80||"} 7',
      'envoy_cluster_upstream_rq_total{cluster_name="outbound|80|v3|a"} 0',
    ].join('\n');
    assert.deepEqual(
      [...requestsOrConnections(stats)],
      [
        ['outbound|80|v1|a', 3],
        ['outbound|80|v2|a', 2],
        ['outbound|80|v3|a', 0],
      ],
    );
  });
});
