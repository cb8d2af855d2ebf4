import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { coverageOf } from '../../src/cases/coverage/coverage.ts';
import { parseClusterTraffic } from '../../src/cases/envoy-clusters.ts';
import type { LoggedRequest } from '../../src/istio/observe/access-log.ts';
import { parseAccessLog } from '../../src/istio/observe/access-log.ts';
import { parseManifests } from '../../src/istio/resources/manifest.ts';

interface Traffic {
  readonly clusters?: readonly string[];
  readonly requests?: readonly Partial<LoggedRequest>[];
}

function coverage(text: string, { clusters = [], requests = [] }: Traffic = {}) {
  const none = { route: undefined, config: undefined, unservedCluster: undefined, rule: undefined };
  const traffic = { clusters: new Set(clusters), requests: requests.map((request) => ({ ...none, ...request })) };
  return coverageOf(parseManifests([{ name: 'm.yaml', text }]), 'default', traffic);
}

/** Returns the untested parts, without their places. */
const untested = (text: string, traffic?: Traffic): string[] =>
  coverage(text, traffic).untested.map(({ object, part }) => `${object}: ${part}`);
const unknown = (text: string, traffic?: Traffic): string[] =>
  coverage(text, traffic).unknown.map(({ object, part, reason }) => `${object}: ${part}: ${reason}`);

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
  test('a route without requests is untested, with its place and its destination', () => {
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

  test('a route with requests is covered, and its matches without requests are untested', () => {
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

  test('requests for other VirtualServices, namespaces and names do not cover a route', () => {
    const requests = [
      { route: 'jason', config: reviewsConfig.replace(/reviews$/, 'ratings') },
      { route: 'jason-2', config: reviewsConfig },
      { route: '/other-default/reviews/http[2].match[0]', config: reviewsConfig },
      { route: '/default/reviews-2/http[3]', config: reviewsConfig },
    ];
    assert.equal(untested(reviews, { requests }).length, 4);
  });

  test('matches without names are unknown in a route with a name', () => {
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
          `VirtualService reviews of shop: route 1 (two), match ${match}: proxies log only the name of this route: name its matches too`,
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

  test('a request covers a delegate and the route that delegates to it', () => {
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

  test('the route that delegates tells routes of delegates with the same name apart', () => {
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
      ].map((part) => `VirtualService ${part}: another route has the same name in access logs: give it a unique name`),
    );
  });

  const apiConfig = reviewsConfig.replace(/reviews$/, 'default~reviews.default.svc.cluster.local');

  test('routes of Gateway API have findings for their rules and matches', () => {
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
        meets('default.reviews.httproute-2', 'default.reviews-2.httproute-0', 'default.reviews.grpcroute-1'),
      ),
      ['HTTPRoute reviews: rule 1', 'HTTPRoute reviews: rule 2 (b)'],
    );
    const traffic = meets('default.reviews.httproute-0.match-1', 'b');
    assert.deepEqual(untested(text, traffic), ['HTTPRoute reviews: rule 1, match 1', 'HTTPRoute reviews: rule 3']);
    assert.deepEqual(
      unknown(text, traffic),
      [1, 2].map(
        (match) =>
          `HTTPRoute reviews: rule 2 (b), match ${match}: proxies log only the name of this route: remove its name`,
      ),
    );
    // This is a route of a VirtualService with the same name.
    assert.equal(untested(text, { requests: [{ route: 'b', config: reviewsConfig }] }).length, 3);
  });

  test('an HTTPRoute and a GRPCRoute with one name are different, and rules with one name are unknown', () => {
    const route = (kind: string, rule: string) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: {name: reviews}
spec: {rules: [{${rule}}]}
`;
    const http = { requests: [{ route: 'default.reviews.httproute-0', config: apiConfig }] };
    assert.deepEqual(untested(route('HTTPRoute', '') + route('GRPCRoute', ''), http), ['GRPCRoute reviews: rule 1']);
    const named = route('HTTPRoute', 'name: both') + route('GRPCRoute', 'name: both');
    const traffic = { requests: [{ route: 'both', config: apiConfig }] };
    assert.deepEqual(untested(named, traffic), []);
    assert.equal(unknown(named, traffic).length, 2);
  });

  test('routes of connections are unknown', () => {
    const text = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: db}
spec: {hosts: [db], tcp: [{route: [{destination: {host: db}}]}]}
`;
    assert.deepEqual(unknown(text), [
      'VirtualService db: tcp route 1: proxies do not log which route a connection took',
    ]);
  });

  test('routes without requests are unknown if a Telemetry changes the access logs', () => {
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

  test('a subset without requests is untested', () => {
    assert.deepEqual(coverage(rule('reviews'), { clusters: ['outbound|80|v1|reviews.default.svc.cluster.local'] }), {
      unknown: [],
      untested: [{ object: 'DestinationRule d', part: 'subset v2', where: 'm.yaml:8:7' }],
    });
  });

  test('the host of a rule is a full name, a short name or a wildcard', () => {
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

  test('a wildcard rule is untested where another rule names the host', () => {
    const text = rules(['all', 'default', 'host: "*.local"'], ['one', 'default', 'host: reviews']);
    assert.deepEqual(untested(text, { clusters }), ['DestinationRule all: subset v1']);
    assert.deepEqual(unknown(text, { clusters }), []);
    const other = [...clusters, 'outbound|80|v1|ratings.default.svc.cluster.local'];
    assert.deepEqual(untested(text, { clusters: other }), []);
  });

  test('a subset is unknown if sidecars may use the rule of either namespace', () => {
    const text = rules(
      ['own', 'default', 'host: reviews'],
      ['theirs', 'shop', 'host: reviews.default.svc.cluster.local'],
    );
    assert.deepEqual(untested(text, { clusters }), []);
    assert.deepEqual(unknown(text, { clusters }), [
      'DestinationRule own: subset v1: DestinationRule theirs of shop has a subset with the same name for the same host',
      'DestinationRule theirs of shop: subset v1: DestinationRule own has a subset with the same name for the same host',
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

  test('a rule that decided no request is untested', () => {
    assert.deepEqual(coverage(policy('action: DENY'), { requests: [{ rule: 'ns[default]-policy[p]-rule[0]' }] }), {
      unknown: [],
      untested: [{ object: 'AuthorizationPolicy p', part: 'rule 2', where: 'm.yaml:8:7' }],
    });
    const others = [{ rule: 'ns[default]-policy[p2]-rule[0]' }, { rule: 'ns[shop]-policy[p]-rule[1]' }, {}];
    assert.equal(untested(policy('action: ALLOW'), { requests: others }).length, 2);
  });

  test('rules that proxies do not log are unknown', () => {
    assert.equal(unknown(policy('action: AUDIT')).length, 2);
    assert.equal(unknown(policy('action: CUSTOM')).length, 2);
    assert.equal(unknown(policy('action: ALLOW', ', annotations: {istio.io/dry-run: "true"}')).length, 2);
  });

  test('rules that name only ports for TCP are unknown, and those that name others are not', () => {
    const text = (ports: string): string => `apiVersion: v1
kind: Service
metadata: {name: db}
spec: {ports: [{name: tcp, port: 9000, targetPort: 9001}, {name: http, port: 80}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p}
spec: {rules: [{to: [{operation: {ports: [${ports}]}}]}]}
`;
    assert.deepEqual(unknown(text('"9001"')), [
      'AuthorizationPolicy p: rule 1: proxies do not log which rule a connection matched',
    ]);
    assert.deepEqual(untested(text('"9001", "80"')), ['AuthorizationPolicy p: rule 1']);
    const otherService = (metadata: string, port: string): string =>
      `---\napiVersion: v1\nkind: Service\nmetadata: ${metadata}\nspec: {ports: [${port}]}\n`;
    const alsoHttp = otherService('{name: web}', '{name: http, port: 9001}');
    assert.deepEqual(untested(text('"9001"') + alsoHttp), ['AuthorizationPolicy p: rule 1']);
    const elsewhere = otherService('{name: web, namespace: other}', '{name: tcp, port: 8080}');
    assert.deepEqual(untested(text('"8080"') + elsewhere), ['AuthorizationPolicy p: rule 1']);
    assert.deepEqual(untested(text('')), ['AuthorizationPolicy p: rule 1']);
  });

  test('rules for waypoints are unknown, and rules for gateways are not', () => {
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

  test('a policy without rules has no findings', () => {
    const nothing = 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {}\n';
    assert.deepEqual(coverage(nothing), { untested: [], unknown: [] });
  });
});

suite('logs and counters of proxies', () => {
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

  test('a caller cannot forge the end of a line', () => {
    const forged = start.replace('"curl"', '"a" "jason" /apis/x - c r -');
    assert.deepEqual(parseAccessLog(`${forged} - default "default" - - - - -\n`), [
      { route: 'default', config: undefined, unservedCluster: undefined, rule: undefined },
    ]);
  });

  test('a cluster counts requests, or connections if it has no requests', () => {
    const stats = [
      '# TYPE envoy_cluster_upstream_rq_total counter',
      'envoy_cluster_upstream_rq_total{cluster_name="outbound|80|v1|a"} 3',
      'envoy_cluster_upstream_cx_total{cluster_name="outbound|80|v2|a"} 2',
      'envoy_cluster_upstream_rq_total{cluster_name="inbound|80||"} 7',
      'envoy_cluster_upstream_rq_total{cluster_name="outbound|80|v3|a"} 0',
    ].join('\n');
    assert.deepEqual(
      [...parseClusterTraffic(stats)],
      [
        ['outbound|80|v1|a', 3],
        ['outbound|80|v2|a', 2],
        ['outbound|80|v3|a', 0],
      ],
    );
  });
});
