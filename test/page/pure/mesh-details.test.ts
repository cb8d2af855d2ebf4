/** Tests of what a mesh's page says about an edge, objects and traces, and of its server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { CacheEvent } from '../../../src/istio/kube-api/object-cache.ts';
import { ChangeLog } from '../../../src/istio/live/change-log.ts';
import type { Observation, ObservedObject, ObservedPod, RecordedObject } from '../../../src/istio/live/observation.ts';
import { WorkloadChanges } from '../../../src/istio/live/workload-changes.ts';
import { parseManifests } from '../../../src/istio/resources/manifest.ts';
import type { KubeObject } from '../../../src/istio/resources/objects.ts';
import { apiRouteText } from '../../../src/mesh-page/describe/gateway-api-route.ts';
import { policyRuleText } from '../../../src/mesh-page/describe/policy-rule.ts';
import { aboutObject } from '../../../src/mesh-page/describe/purpose.ts';
import { httpRouteText } from '../../../src/mesh-page/describe/virtual-service.ts';
import { aboutWorkload } from '../../../src/mesh-page/describe/workload.ts';
import { edgeDetails } from '../../../src/mesh-page/edge-details.ts';
import { mostStreams } from '../../../src/mesh-page/event-streams.ts';
import { lineDifferences } from '../../../src/mesh-page/line-differences.ts';
import type { MeshSource } from '../../../src/mesh-page/mesh-answers.ts';
import { MeshPageServer } from '../../../src/mesh-page/mesh-page-server.ts';
import { meshChange } from '../../../src/mesh-page/object-texts.ts';
import { guardRequest } from '../../../src/mesh-page/request-guard.ts';
import { traceSummaries, traceView } from '../../../src/mesh-page/trace-views.ts';
import { type EdgeDetails, type MeshChange, meshPaths } from '../../../src/page/model/mesh-page-data.ts';
import { changeTitle } from '../../../src/page/model/mesh-words.ts';
import { attemptText } from '../../../src/page/model/trace-rows.ts';
import type { Span } from '../../../src/trace/span.ts';

function objectOf(kind: string, spec: unknown, metadata = {}): KubeObject {
  const group = { AuthorizationPolicy: 'security', PeerAuthentication: 'security' }[kind] ?? 'networking';
  return {
    apiVersion: `${group}.istio.io/v1`,
    kind,
    metadata: { name: 'one', namespace: 'default', ...metadata },
    spec,
  };
}

suite('changes of a mesh', () => {
  test('an apply that is reverted is one change with its reason, and its events are no changes', async () => {
    const log = new ChangeLog();
    log.isStarted = true;
    log.isObserved = true;
    const object = objectOf('VirtualService', { hosts: ['back'] });
    const failed = log.whileApplying(async (onRevert) => {
      assert.ok(log.isHeld);
      await sleep(5);
      onRevert([{ title: 'virtualservice/one', change: 'created', object }], 'Envoy rejects the configuration');
      throw new Error('Envoy rejects the configuration');
    });
    await assert.rejects(failed);
    assert.ok(!log.isHeld);
    assert.ok(log.isReverted(object, Date.now() - 2));
    assert.ok(!log.isReverted(object, Date.now() - 60_000));
    assert.ok(!log.isReverted(objectOf('VirtualService', {}, { name: 'other' }), Date.now()));
    const changes = log.after(0).map((change) => meshChange(change, 'istio-system'));
    assert.deepEqual(
      changes.map(({ by, reason, objects }) => [by, reason, objects.map(({ id }) => id)]),
      [['refused', 'Envoy rejects the configuration', ['VirtualService default/one']]],
    );
    assert.deepEqual(changes.map(changeTitle), ['not applied, because it was refused: VirtualService one']);
    // The same object in a later apply is a change again.
    await sleep(5);
    await log.whileApplying(async () => assert.ok(!log.isReverted(object, Date.now())));
    assert.equal(log.after(0).length, 1);
  });
});

/** Returns the purpose and the rules of an object in the record of a change, each rule with its place. */
function eventOf(object: KubeObject, text?: string): readonly (string | undefined)[] {
  const source = text === undefined ? {} : { sources: [{ name: 'rules.yaml', text }] };
  const objects = [{ change: 'created' as const, after: object, ...(text === undefined ? {} : { source: 0 }) }];
  const [one] = meshChange({ number: 1, atMs: 1, by: 'apply', objects, more: 0, ...source }, 'istio-system').objects;
  const rules = one?.rules?.map(({ text: rule, where }) => (where === undefined ? rule : `${where} ${rule}`)) ?? [];
  return [one?.where, one?.about, ...rules];
}

suite('events of objects say what their rules do, with values', () => {
  const rulesOf = (kind: string, spec: unknown): readonly (string | undefined)[] =>
    eventOf(objectOf(kind, spec)).slice(2);

  test('a VirtualService names shares, limits, retries and copies, and the line of each rule', () => {
    const route = [
      { destination: { host: 'back', subset: 'v1' }, weight: 90 },
      { destination: { host: 'back', subset: 'v2' }, weight: 10 },
    ];
    const retries = { attempts: 2, retryOn: '5xx,reset', perTryTimeout: '1s' };
    const mirror = { mirror: { host: 'back', subset: 'v2' }, mirrorPercentage: { value: 40 } };
    const jason = { match: [{ headers: { 'end-user': { exact: 'jason' } } }], route: route.slice(1) };
    const object = objectOf('VirtualService', {
      hosts: ['back'],
      http: [jason, { route, timeout: '0.05s', retries, ...mirror }],
    });
    const text = [
      'kind: VirtualService',
      'apiVersion: networking.istio.io/v1',
      'metadata: {name: one}',
      'spec:',
      '  hosts: [back]',
      '  http:',
      '  - match: []',
      '  - timeout: 0.05s',
    ].join('\n');
    assert.deepEqual(eventOf(object, text), [
      'rules.yaml:1',
      'Chooses where requests to back go.',
      'rules.yaml:7 If end-user is "jason": to back v2.',
      'rules.yaml:8 All requests: to back v1 (90 %) and back v2 (10 %); send a copy of 40 % of them to back v2; wait at most 0.05s; retry up to 2 times after 5xx or reset, 1s for each attempt.',
    ]);
    const record = {
      number: 1,
      atMs: 1,
      by: 'apply',
      objects: [{ change: 'created', after: object }],
      more: 0,
    } as const;
    const [{ rules } = {}] = meshChange(record, 'istio-system').objects;
    assert.deepEqual(
      rules?.map(({ condition }) => condition),
      ['end-user is "jason"', undefined],
    );
    assert.deepEqual(rulesOf('VirtualService', { tcp: [{ route: [{ destination: { host: 'db' } }] }] }), [
      'TCP connections: to db.',
    ]);
  });

  test('a route of the Gateway API names its filters, limits and copies', () => {
    const filters = [
      {
        type: 'RequestMirror',
        requestMirror: { backendRef: { name: 'shadow' }, fraction: { numerator: 1, denominator: 4 } },
      },
      { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/b' } } },
      { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-a', value: '1' }], remove: ['x-b'] } },
      { type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } },
      { type: 'CORS' },
    ];
    const more = { timeouts: { request: '2s', backendRequest: '1s' }, retry: { attempts: 3, codes: [503] } };
    assert.deepEqual(rulesOf('HTTPRoute', { rules: [{ filters, backendRefs: [{ name: 'back' }], ...more }] }), [
      'All requests: send a copy of 25 % of them to shadow; replace the matched prefix of the path with "/b"; change headers of the request (set x-a: 1, remove x-b); redirect the client (scheme https, status 301); apply CORS; to back; wait at most 2s; wait at most 1s for each attempt; retry up to 3 times after 503.',
    ]);
    const method = { service: 'shop.Basket', method: 'Get' };
    assert.deepEqual(rulesOf('GRPCRoute', { rules: [{ matches: [{ method }], backendRefs: [{ name: 'back' }] }] }), [
      'If method is shop.Basket/Get: to back.',
    ]);
  });

  test('filters of the Gateway API name both parts of a rewrite, and web pages for CORS', () => {
    const path = { type: 'ReplaceFullPath', replaceFullPath: '/all' };
    const cors = { allowOrigins: ['https://a.example'], allowMethods: ['GET'], maxAge: 5, allowCredentials: true };
    const filters = [
      { type: 'URLRewrite', urlRewrite: { hostname: 'b.example', path } },
      { type: 'RequestRedirect', requestRedirect: { path } },
      { type: 'CORS', cors },
    ];
    assert.deepEqual(rulesOf('HTTPRoute', { rules: [{ filters }] }), [
      'All requests: replace the path with "/all"; change the host to b.example; redirect the client (path /all); allow browsers to call from web pages whose origin is "https://a.example" (CORS, methods GET, preflights valid for 5s, with credentials).',
    ]);
  });

  const route = [{ destination: { host: 'back' } }];

  test('a VirtualService names what it rewrites, with the part of the path that Envoy replaces', () => {
    const rewrite = { uri: '/new', authority: 'b.example' };
    const uriOf = (uri: unknown): unknown => ({ match: [{ uri }], rewrite, route });
    const http = [
      uriOf({ prefix: '/old' }),
      uriOf({ exact: '/old' }),
      { match: [{ uri: { regex: '/o.*' } }, { uri: { prefix: '/p' } }], rewrite: { uri: '/new' }, route },
      { match: [{ method: { exact: 'GET' } }], rewrite: { uriRegexRewrite: { match: '^/a/(.*)', rewrite: '/\\1' } } },
      { rewrite: { uri: '/new' }, route },
    ];
    assert.deepEqual(rulesOf('VirtualService', { http }), [
      'If uri begins with "/old": replace the matched prefix of the path with "/new"; change the host to b.example; to back.',
      'If uri is "/old": replace the path with "/new"; change the host to b.example; to back.',
      'If uri matches "/o.*", or if uri begins with "/p": replace the path or the matched prefix of the path with "/new"; to back.',
      'If method is "GET": replace what matches "^/a/(.*)" in the path with "/\\1".',
      'All requests: replace the first "/" of the path with "/new"; to back.',
    ]);
  });

  test('a VirtualService names headers, CORS and redirects', () => {
    const headers = {
      request: { set: { 'x-a': '1' }, add: { 'x-b': '2' }, remove: ['x-c'] },
      response: { remove: ['server'] },
    };
    const corsPolicy = {
      allowOrigins: [{ exact: 'https://a.example' }, { regex: 'https://b.*' }],
      allowMethods: ['GET', 'POST'],
      allowHeaders: ['x-a'],
      exposeHeaders: ['x-b'],
      maxAge: '24h',
      allowCredentials: true,
      unmatchedPreflights: 'IGNORE',
    };
    const sick = { destination: { host: 'back', subset: 'v2' }, headers: { response: { add: { 'x-v': '2' } } } };
    const http = [
      { headers, corsPolicy, route: [sick] },
      { corsPolicy: { allowOrigin: ['*'] }, route },
      { corsPolicy: {}, route },
      { redirect: { uri: '/b', authority: 'b.example', redirectCode: 302 } },
      { retries: { retryOn: '5xx' }, route },
    ];
    assert.deepEqual(rulesOf('VirtualService', { http }), [
      'All requests: allow browsers to call from web pages whose origin is "https://a.example" or matches "https://b.*" (CORS, methods GET and POST, request headers x-a, readable response headers x-b, preflights valid for 24h, with credentials, other preflights are not passed on); change headers of the request (set x-a: 1, add x-b: 2, remove x-c); change headers of the response (remove server); to back v2; for back v2 change headers of the response (add x-v: 2).',
      'All requests: allow browsers to call from all web pages (CORS); to back.',
      'All requests: allow browsers to call from no web page (CORS); to back.',
      'All requests: redirect the client (host b.example, path /b, status 302).',
      'All requests: to back; never retry.',
    ]);
  });

  test('matches name ports, callers and gateways, for HTTP, TLS and TCP, and the line of each route', () => {
    const http = [
      { match: [{ port: 8080, sourceLabels: { app: 'front', version: 'v1' }, sourceNamespace: 'shop' }], route },
      { match: [{ uri: { exact: '/a' }, ignoreUriCase: true, gateways: ['shop/entry', 'mesh'], name: 'one' }], route },
      { match: [{ statPrefix: 'a' }], route },
    ];
    assert.deepEqual(rulesOf('VirtualService', { http }), [
      'If port is 8080, caller has app=front and version=v1 and caller is in the namespace shop: to back.',
      'If uri is "/a" in any case and gateway is shop/entry or mesh (all sidecars): to back.',
      'All requests: to back.',
    ]);
    const tls = [{ match: [{ sniHosts: ['a.example', 'b.example'], port: 443, gateways: ['mesh'] }], route }];
    const tcp = [
      { match: [{ destinationSubnets: ['10.0.0.0/8'], sourceLabels: { app: 'a' } }, { sourceSubnet: '10.1.0.0/16' }] },
      { match: [{ port: 0 }], route },
    ];
    const object = objectOf('VirtualService', { tls, tcp });
    const text =
      'kind: VirtualService\napiVersion: networking.istio.io/v1\nmetadata: {name: one}\nspec:\n  tls:\n  - {}\n  tcp:\n  - {}\n  - {}\n';
    assert.deepEqual(eventOf(object, text).slice(2), [
      'rules.yaml:6 TLS connections whose server name (SNI) is a.example or b.example, port is 443 and gateway is mesh (all sidecars): to back.',
      'rules.yaml:8 TCP connections whose destination address is in 10.0.0.0/8 and caller has app=a, or whose client address is in 10.1.0.0/16: to nothing.',
      'rules.yaml:9 TCP connections: to back.',
    ]);
  });

  test('a DestinationRule names its limits, subsets and TLS mode', () => {
    const trafficPolicy = {
      tls: { mode: 'SIMPLE', sni: 'a.example' },
      outlierDetection: { consecutive5xxErrors: 1, interval: '1s', baseEjectionTime: '3m', maxEjectionPercent: 100 },
      connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 2, maxRequestsPerConnection: 3 } },
      loadBalancer: { consistentHash: { httpHeaderName: 'end-user' } },
      portLevelSettings: [{ port: { number: 80 }, loadBalancer: { simple: 'LEAST_REQUEST' } }],
    };
    const subsets = [{ name: 'v1', labels: { version: 'v1' }, trafficPolicy: { tls: { mode: 'DISABLE' } } }];
    assert.deepEqual(rulesOf('DestinationRule', { host: 'back', trafficPolicy, subsets }), [
      'The caller uses TLS without a certificate of its own (TLS mode SIMPLE), for the host a.example.',
      'A pod with 1 failed answer in a row is left out for 3m, checked every 1s, at most 100 % of the pods.',
      "For each caller's proxy at most 1 connections, 2 requests that wait, 3 requests on a connection.",
      'Requests with the same end-user go to the same pod.',
      'Port 80: Pods are chosen by LEAST_REQUEST.',
      'And 1 more rule.',
    ]);
    assert.deepEqual(rulesOf('DestinationRule', { host: 'back', subsets }), [
      'Subset v1: pods with version=v1. Only for it: The caller sends plain text (TLS mode DISABLE).',
    ]);
  });

  test('absent fields have the meaning that Istio gives them', () => {
    const route = [{ destination: { host: 'back' } }];
    const fault = { abort: { httpStatus: 503 }, delay: { fixedDelay: '5s' } };
    assert.deepEqual(rulesOf('VirtualService', { http: [{ fault, route }] }), [
      'All requests: answer none of them with 503 (a fault); delay none of them by 5s (a fault); to back.',
    ]);
    assert.deepEqual(
      rulesOf('DestinationRule', { trafficPolicy: { outlierDetection: { consecutiveGatewayErrors: 9 } } }),
      [
        'A pod with 5 failed answers or 9 answers with 502, 503 or 504 in a row is left out for 30s, checked every 10s, at most 10 % of the pods.',
      ],
    );
    const loadBalancer = { localityLbSetting: { enabled: false } };
    assert.deepEqual(rulesOf('DestinationRule', { trafficPolicy: { loadBalancer } }), [
      'Pods near the caller are not chosen first.',
    ]);
    const all = { path: { type: 'PathPrefix', value: '/' } };
    assert.deepEqual(rulesOf('HTTPRoute', { rules: [{ matches: [all], backendRefs: [{ name: 'back' }] }] }), [
      'All requests: to back.',
    ]);
    const backendRefs = [{ name: 'back', weight: 3 }, { name: 'other' }];
    assert.deepEqual(rulesOf('HTTPRoute', { rules: [{ matches: [{ path: { value: '/a' } }], backendRefs }] }), [
      'If path begins with "/a": to back (75 %) and other (25 %).',
    ]);
    const method = { method: 'Get' };
    assert.deepEqual(rulesOf('GRPCRoute', { rules: [{ matches: [{ method }], backendRefs: [{ name: 'back' }] }] }), [
      'If method is */Get: to back.',
    ]);
  });

  test('zeros have the meaning that Istio gives them', () => {
    const route = [{ destination: { host: 'back' } }];
    const mirrors = [{ destination: { host: 'other' }, percentage: {} }];
    assert.deepEqual(
      rulesOf('VirtualService', {
        http: [
          { route, mirror: { host: 'copy' }, mirrorPercentage: {}, timeout: '0s' },
          { route, mirrors, timeout: '0.5s' },
        ],
      }),
      [
        'All requests: to back; send a copy of 0 % of them to copy; wait without a limit.',
        'All requests: to back; send a copy of 0 % of them to other; wait at most 0.5s.',
      ],
    );
    assert.deepEqual(
      rulesOf('HTTPRoute', {
        rules: [{ backendRefs: [{ name: 'back' }], timeouts: { request: '0s', backendRequest: '0h0m0s' } }],
      }),
      ['All requests: to back; wait without a limit; wait without a limit for each attempt.'],
    );
    const connectionPool = { tcp: { maxConnections: 5 }, http: { maxRequestsPerConnection: 0, http2MaxRequests: 0 } };
    assert.deepEqual(rulesOf('DestinationRule', { trafficPolicy: { connectionPool } }), [
      "For each caller's proxy at most 5 connections.",
    ]);
  });

  test('other kinds name hosts, ports, issuers and shares', () => {
    const ports = [{ number: 443, protocol: 'TLS' }];
    assert.deepEqual(rulesOf('ServiceEntry', { hosts: ['a.example'], ports, resolution: 'DNS' }), [
      'a.example, port 443 (TLS): outside the mesh, at the addresses of DNS.',
    ]);
    const server = { port: { number: 443, protocol: 'HTTPS' }, hosts: ['a.example'], tls: { mode: 'MUTUAL' } };
    assert.deepEqual(rulesOf('Gateway', { servers: [server] }), [
      'Port 443 (HTTPS) for a.example, with TLS mode MUTUAL.',
    ]);
    assert.deepEqual(
      rulesOf('RequestAuthentication', { jwtRules: [{ issuer: 'i', jwks: '{}', audiences: ['shop'] }] }),
      ['Tokens of i, with keys in the object, only for shop.'],
    );
    assert.deepEqual(rulesOf('Sidecar', { egress: [{ hosts: ['./*', 'istio-system/*'] }] }), [
      'The proxies know ./* and istio-system/* (NAMESPACE/HOST).',
    ]);
    const telemetry = {
      tracing: [{ randomSamplingPercentage: 10 }],
      accessLogging: [{ providers: [{ name: 'envoy' }], filter: { expression: 'response.code >= 400' } }],
      metrics: [{ overrides: [{ match: { metric: 'REQUEST_COUNT' }, disabled: true }] }],
    };
    assert.deepEqual(rulesOf('Telemetry', telemetry), [
      'Traces of 10 % of the requests.',
      'Access logs to envoy, of requests with response.code >= 400.',
      'Metrics for the usual provider: REQUEST_COUNT is off.',
    ]);
    assert.equal(
      eventOf(objectOf('PeerAuthentication', { mtls: { mode: 'STRICT' } }))[1],
      'Requires mutual TLS of all callers of all pods in namespace default: plain text is refused.',
    );
  });
});

test('a change says the purpose of deleted, refused and changed objects, and which calls are not counted apart', () => {
  const [object, match] = [objectOf('Sidecar', {}), [{ uri: { prefix: '/a' } }]];
  const route = objectOf('VirtualService', { http: [{ match }, { match }], tcp: [{ match: [{ port: 90 }] }] });
  const workload = (replicas: number): KubeObject => ({
    ...objectOf('Deployment', { replicas }),
    apiVersion: 'apps/v1',
  });
  const changeOf = (by: 'apply' | 'refused', ...objects: RecordedObject[]): MeshChange =>
    meshChange({ number: 1, atMs: 1, by, objects, more: 0 }, 'istio-system');
  const purpose = 'Limits which services the proxies of all pods in namespace default know.';
  const { objects, limits } = changeOf(
    'apply',
    { change: 'deleted', before: object },
    { change: 'created', after: object },
    { change: 'changed', before: workload(1), after: workload(2) },
    { change: 'created', after: route },
  );
  assert.deepEqual(
    objects.slice(0, 3).map(({ about }) => about),
    [`Until then: ${purpose}`, purpose, 'Deployment one: replicas 1 → 2. Runs 2 pods.'],
  );
  assert.equal(
    limits,
    'Proxies do not count calls whose uri begins with "/a", or whose port is 90 apart: this compares all calls together.',
  );
  const refused = changeOf('refused', { change: 'created', after: object });
  assert.equal(refused.objects[0]?.about, `It would have this purpose: ${purpose}`);
  assert.equal(refused.limits, undefined);
});

suite('texts about objects', () => {
  const about = (object: KubeObject): string => aboutObject(object, 'istio-system');

  test('a policy says whom it refuses, and for which pods', () => {
    const selector = { matchLabels: { app: 'back' } };
    assert.equal(
      about(objectOf('AuthorizationPolicy', { selector })),
      'Refuses every request to pods with app=back in namespace default: it has no rule that allows one.',
    );
    assert.equal(
      about(objectOf('AuthorizationPolicy', { action: 'DENY', rules: [{}, {}] }, { namespace: 'istio-system' })),
      'Refuses requests that fit one of its 2 rules, to all pods of the mesh.',
    );
    assert.equal(
      about(objectOf('PeerAuthentication', { mtls: { mode: 'STRICT' } })),
      'Requires mutual TLS of all callers of all pods in namespace default: plain text is refused.',
    );
  });

  test('a VirtualService names its faults', () => {
    const fault = { delay: { fixedDelay: '700ms', percentage: { value: 50 } } };
    assert.equal(
      about(objectOf('VirtualService', { hosts: ['back'], http: [{ fault }, {}] })),
      'Chooses where requests to back go and delays 50 % of those of a route by 700ms (a fault).',
    );
    assert.equal(about(objectOf('VirtualService', { hosts: ['back'] })), 'Chooses where requests to back go.');
  });

  test('an object without labels in its selector is for all pods', () => {
    assert.equal(
      about(objectOf('Sidecar', { workloadSelector: { labels: null } })),
      'Limits which services the proxies of all pods in namespace default know.',
    );
  });

  test('rules are sentences', () => {
    assert.equal(
      policyRuleText(
        { from: [{ source: { notNamespaces: ['test'] } }], to: [{ operation: { methods: ['GET', 'HEAD'] } }] },
        'DENY',
      ),
      'Refuses requests from namespace other than test with method GET or HEAD.',
    );
    assert.equal(policyRuleText({}, 'ALLOW'), 'Allows all requests.');
    assert.equal(
      policyRuleText({ when: [{ key: 'source.ip', values: ['10.0.0.0/8'], notValues: ['10.1.1.1'] }] }, 'ALLOW'),
      'Allows requests where source.ip is 10.0.0.0/8 and is not 10.1.1.1.',
    );
    assert.equal(
      policyRuleText({ from: [{ source: { notRequestPrincipals: ['*'] } }] }, 'DENY'),
      'Refuses requests from clients without any token.',
    );
    assert.equal(
      policyRuleText({ from: [{ source: { principals: ['*'] } }] }, 'ALLOW'),
      'Allows requests from any identity.',
    );
    assert.equal(
      httpRouteText({
        fault: { delay: { fixedDelay: '5s', percentage: { value: 10 } } },
        route: [{ destination: { host: 'back' } }],
      }),
      'All requests: delay 10 % of them by 5s (a fault); to back.',
    );
    assert.equal(
      apiRouteText({
        matches: [{ path: { type: 'PathPrefix', value: '/a' } }],
        backendRefs: [
          { name: 'b', weight: 1 },
          { name: 'c', weight: 3 },
        ],
      }),
      'If path begins with "/a": to b (25 %) and c (75 %).',
    );
  });

  test('a PeerAuthentication without a mode, or with one for a port, does not say that plain text is accepted', () => {
    const textOf = (spec: object): string => about(objectOf('PeerAuthentication', spec));
    const wider =
      'Sets no mode for all pods in namespace default: that of a wider PeerAuthentication applies, or mutual TLS and plain text are accepted.';
    assert.equal(textOf({}), wider);
    assert.equal(textOf({ mtls: { mode: 'UNSET' } }), wider);
    assert.equal(textOf({ portLevelMtls: { 8080: { mode: 'STRICT' } } }), `${wider} But STRICT on port 8080.`);
  });

  test('a policy in a dry run refuses nothing', () => {
    const dry = { annotations: { 'istio.io/dry-run': 'true' } };
    const policy = objectOf('AuthorizationPolicy', { action: 'DENY', rules: [{}] }, dry);
    assert.match(about(policy), /^Only logs what it would do \(dry run\): Refuses requests/);
    const [acting] = edgeDetails({
      id: 'front.default back.default',
      caller,
      callees: [callee],
      hosts: [host],
      rootNamespace: 'istio-system',
      dump: undefined,
      objects: [{ object: policy, changedMs: 1 }],
    }).objects;
    assert.deepEqual(
      acting?.parts.map(({ canRefuse }) => canRefuse),
      [false],
    );
  });

  test('only rules that refuse say so, and none that allows', () => {
    const rules = [{ from: [{ source: { principals: ['a'] } }] }];
    const partsOf = (action: string) =>
      edgeDetails({
        id: 'front.default back.default',
        caller,
        callees: [callee],
        hosts: [host],
        rootNamespace: 'istio-system',
        dump: undefined,
        objects: [{ object: objectOf('AuthorizationPolicy', { action, rules }), changedMs: 1 }],
      }).objects.flatMap(({ parts }) => parts.map(({ canRefuse }) => canRefuse));
    assert.deepEqual(['ALLOW', 'DENY', 'CUSTOM', 'AUDIT'].flatMap(partsOf), [false, true, true, false]);
  });

  test('the differences of a change are bounded, and say how much is left out', () => {
    const objects = Array.from({ length: 100 }, (_, index) => ({
      change: 'created' as const,
      after: objectOf(
        'VirtualService',
        { hosts: Array.from({ length: 50 }, () => 'h'.repeat(5000)) },
        { name: `n${index}` },
      ),
    }));
    const change = meshChange({ number: 1, atMs: 1, by: 'apply', objects, more: 0 }, 'istio-system');
    assert.equal(change.objects.length, 100);
    assert.ok(JSON.stringify(change).length < 300_000, String(JSON.stringify(change).length));
    assert.deepEqual(change.objects[99]?.diff, ['  … and 57 more lines']);
  });

  test('each change has the place from which its objects were applied, those of pods too', () => {
    const log = new ChangeLog();
    log.isStarted = true;
    const textOf = (kind: string, apiVersion: string): string =>
      `# a comment\napiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: one}\nspec: {}\n`;
    const apply = (name: string, kind: string, apiVersion: string, change: 'created' | 'deleted'): void => {
      const sources = [{ name, text: textOf(kind, apiVersion) }];
      const object = { ...objectOf(kind, {}), apiVersion };
      if (change === 'created') log.keepSources(parseManifests(sources), sources, 'default');
      log.recordApplied(change === 'created' ? 'apply' : 'delete', [{ title: '', change, object }], false);
    };
    apply('shift.yaml', 'VirtualService', 'networking.istio.io/v1', 'created');
    apply('shift.yaml', 'VirtualService', 'networking.istio.io/v1', 'deleted');
    apply('abort.yaml', 'VirtualService', 'networking.istio.io/v1', 'created');
    apply('back.yaml', 'Deployment', 'apps/v1', 'created');
    const changes = log.after(0).map((change) => meshChange(change, 'istio-system'));
    assert.deepEqual(
      changes.map(({ objects }) => objects[0]?.where),
      ['shift.yaml:2', 'shift.yaml:2', 'abort.yaml:2', 'back.yaml:2'],
    );
  });

  test('the difference of two texts has the lines of both, in order', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const differences = lineDifferences(before, after);
        const without = (mark: string): string[] =>
          differences.filter((line) => !line.startsWith(mark)).map((line) => line.slice(2));
        assert.deepEqual(without('+'), before);
        assert.deepEqual(without('-'), after);
      }),
    );
  });
});

const caller: ObservedPod = {
  name: 'front-1',
  namespace: 'default',
  workload: 'front',
  service: 'front',
  version: 'v1',
  address: '10.0.0.1',
  role: 'mock',
  hasSidecar: true,
  isReady: true,
  serviceAccount: 'front',
  labels: { app: 'front' },
  isOutside: false,
};
const callee: ObservedPod = { ...caller, name: 'back-1', service: 'back', labels: { app: 'back' } };
const host = 'back.default.svc.cluster.local';

/** Returns a dump of an Envoy with routes of a VirtualService, each to back. */
function dumpWith(virtualHost: string, count: number): string {
  const config = '/apis/networking.istio.io/v1/namespaces/default/virtual-service/one';
  const route = {
    match: { prefix: '/' },
    route: { cluster: `outbound|8080||${host}` },
    metadata: { filter_metadata: { istio: { config } } },
  };
  const routes = Array.from({ length: count }, () => route);
  const route_config = { name: '8080', virtual_hosts: [{ name: virtualHost, domains: [virtualHost], routes }] };
  const configs = [
    { '@type': 'type.googleapis.com/envoy.admin.v3.RoutesConfigDump', dynamic_route_configs: [{ route_config }] },
  ];
  return JSON.stringify({ configs });
}

suite('changes of workloads', () => {
  const deployment = (name: string, more: { replicas?: number; labels?: object; image?: string } = {}): KubeObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default', generation: more.replicas ?? 1 },
    spec: {
      replicas: more.replicas ?? 1,
      template: {
        metadata: { labels: { app: 'reviews', version: 'v1', ...more.labels } },
        spec: { containers: [{ name: 'app', image: more.image ?? 'reviews:1' }] },
      },
    },
  });
  const pod = (workload: string, name = `${workload}-5f7-x`): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      labels: { app: 'reviews', 'pod-template-hash': '5f7' },
      ownerReferences: [{ kind: 'ReplicaSet', name: `${workload}-5f7`, uid: '1', controller: true }],
    },
  });
  const added = (object: KubeObject): CacheEvent => ({ type: 'ADDED', object, previous: undefined });

  test('a changed workload says what has changed, in words', () => {
    const wordsOf = (before: KubeObject, after: KubeObject) =>
      meshChange(
        { number: 1, atMs: 1, by: 'other', objects: [{ change: 'changed', before, after }], more: 0 },
        'istio-system',
      ).objects[0]?.words;
    const one = deployment('reviews');
    assert.deepEqual(wordsOf(one, deployment('reviews', { replicas: 2, labels: { version: 'v2', tier: 'gold' } })), [
      'replicas 1 → 2',
      'label tier: gold added',
      'label version: v1 → v2',
    ]);
    assert.deepEqual(wordsOf(one, deployment('reviews', { image: 'reviews:2' })), [
      'image of app: reviews:1 → reviews:2',
    ]);
    assert.equal(wordsOf(one, one), undefined);
    assert.equal(aboutWorkload(one), 'Runs 1 pod with the labels app=reviews, version=v1.');
    assert.equal(aboutWorkload(pod('reviews')), 'A pod with the labels app=reviews.');
  });

  test('a status is no change, and the pods of a rollout are none', () => {
    const changes = new WorkloadChanges();
    const before = deployment('reviews');
    assert.ok(!changes.isOwnChange({ type: 'MODIFIED', object: { ...before, status: {} }, previous: before }, 0));
    // Nothing has changed the workload of this pod.
    assert.ok(changes.isOwnChange(added(pod('reviews')), 0));
    const scaled = deployment('reviews', { replicas: 2 });
    assert.ok(changes.isOwnChange({ type: 'MODIFIED', object: scaled, previous: before }, 1000));
    for (const atMs of [2000, 30_000, 55_000]) assert.ok(!changes.isOwnChange(added(pod('reviews')), atMs), `${atMs}`);
    assert.ok(changes.isOwnChange(added(pod('other')), 2000));
    assert.ok(changes.isOwnChange({ type: 'DELETED', object: pod('reviews'), previous: pod('reviews') }, 90_000));
  });
});

suite('configuration of an edge', () => {
  const spec = {
    hosts: ['back'],
    http: [{ match: [{}, {}], route: [] }, { route: [{ destination: { host: 'back' } }] }],
  };
  const observed = (object: KubeObject): ObservedObject => ({ object, changedMs: 1 });
  const question = {
    id: 'front.default back.default',
    caller,
    callees: [callee],
    hosts: [host],
    rootNamespace: 'istio-system',
  };

  test('a rule is placed by the number of its matches, and every rule is shown if Envoy has another number', () => {
    const objects = [observed(objectOf('VirtualService', spec))];
    const partsOf = (count: number): unknown =>
      edgeDetails({ ...question, dump: dumpWith(host, count), objects }).objects[0]?.parts.map(({ path }) => path);
    assert.deepEqual(partsOf(3), ['spec.http[0]', 'spec.http[1]']);
    assert.deepEqual(partsOf(2), ['spec.http[0]', 'spec.http[1]']);
    const other = edgeDetails({
      ...question,
      hosts: ['other.default.svc.cluster.local'],
      dump: dumpWith(host, 3),
      objects,
    });
    assert.deepEqual(other.objects, []);
    // A route of another host that leads to the callee acts too.
    assert.equal(edgeDetails({ ...question, dump: dumpWith('shop.example', 3), objects }).objects.length, 1);
  });

  test('a route of TCP acts, which Envoy has as a chain of filters', () => {
    const config = '/apis/networking.istio.io/v1/namespaces/default/virtual-service/one';
    const proxy = { weighted_clusters: { clusters: [{ name: `outbound|9000|v2|${host}`, weight: 1 }] } };
    const chain = { filters: [{ typed_config: proxy }], metadata: { filter_metadata: { istio: { config } } } };
    const listener = { name: '10.0.0.9_9000', filter_chains: [chain] };
    const dynamic_listeners = [{ active_state: { listener } }];
    const configs = [{ '@type': 'type.googleapis.com/envoy.admin.v3.ListenersConfigDump', dynamic_listeners }];
    const objects = [observed(objectOf('VirtualService', { hosts: ['back'], tcp: [] }))];
    const detailsOf = (hosts: readonly string[]): EdgeDetails =>
      edgeDetails({ ...question, hosts, dump: JSON.stringify({ configs }), objects });
    const found = detailsOf([host]);
    assert.deepEqual(
      found.objects.map(({ id, side }) => `${side} ${id}`),
      ['caller VirtualService default/one'],
    );
    assert.ok(!found.notes.some((note) => note.startsWith('No object changes the routes')), found.notes.join());
    assert.deepEqual(detailsOf(['other.default.svc.cluster.local']).objects, []);
  });

  test('only policies that select the callee act, and without a sidecar none does', () => {
    const select = (app: string): object => ({ selector: { matchLabels: { app } }, rules: [{}] });
    const objects = [
      observed(objectOf('AuthorizationPolicy', select('back'))),
      observed(objectOf('AuthorizationPolicy', select('front'), { name: 'two' })),
      observed(objectOf('AuthorizationPolicy', select('back'), { name: 'three', namespace: 'other' })),
      observed(
        objectOf('PeerAuthentication', { mtls: { mode: 'STRICT' } }, { name: 'mesh', namespace: 'istio-system' }),
      ),
    ];
    const found = edgeDetails({ ...question, dump: dumpWith(host, 0), objects });
    assert.deepEqual(
      found.objects.map(({ id }) => id),
      ['PeerAuthentication istio-system/mesh', 'AuthorizationPolicy default/one'],
    );
    assert.deepEqual(
      found.objects[1]?.parts.map(({ text, canRefuse }) => [text, canRefuse]),
      [['Allows all requests.', false]],
    );
    const bare = edgeDetails({ ...question, callees: [{ ...callee, hasSidecar: false }], dump: undefined, objects });
    assert.deepEqual(bare.objects, []);
    assert.deepEqual(bare.notes, ['The callee has no sidecar: no policy protects it.']);
  });
});

suite('traces', () => {
  const id = (number: number): string => number.toString(16).padStart(16, '0');
  const span = (number: number, parent: number | undefined, startMs: number, rest: Partial<Span> = {}): Span => ({
    traceId: 'a'.repeat(32),
    spanId: id(number),
    parentSpanId: parent === undefined ? undefined : id(parent),
    service: 'front',
    scope: 'meshmock',
    kind: 'server',
    name: 'GET /*',
    isError: false,
    startMs,
    durationMs: 5,
    attributes: {},
    resource: {},
    ...rest,
  });

  test('a view is a tree, also if parents are missing or in a circle', () => {
    const proxy = { scope: 'envoy', attributes: { component: 'proxy', node_id: 'router~10.0.0.9~gw~default' } };
    const spans = [span(2, 1, 103), span(1, undefined, 100, proxy), span(3, 9, 104), span(4, 5, 105), span(5, 4, 106)];
    const view = traceView('a'.repeat(32), spans);
    assert.deepEqual(
      view.spans.map(({ spanId, depth, origin, startMs }) => [Number(spanId), depth, origin, startMs]),
      [
        [1, 0, 'gateway', 0],
        [2, 1, 'app', 3],
        [3, 0, 'app', 4],
        [4, 0, 'app', 5],
        [5, 1, 'app', 6],
      ],
    );
    assert.equal(view.durationMs, 11);
    assert.equal(view.leftOut, 0);
  });

  test('attempts of one request are numbered: those of a proxy below its span, those of a service by its own count', () => {
    const sidecar = (kind: 'client' | 'server', address = 'back:8080'): Partial<Span> => ({
      kind,
      scope: 'envoy',
      service: kind === 'client' ? 'front' : 'back',
      attributes: { component: 'proxy', node_id: 'sidecar~10.0.0.1~p~default', 'http.url': `http://${address}/x` },
    });
    const call = (attempt: number, target = 'back:8080'): Partial<Span> => ({
      kind: 'client',
      attributes: { 'meshmock.target': target, ...(attempt === 1 ? {} : { 'meshmock.attempt': attempt }) },
    });
    const textsOf = (spans: readonly Span[]): (string | undefined)[] =>
      traceView('a'.repeat(32), spans).spans.map((one) => attemptText(one));
    const ofProxy = [
      span(1, undefined, 100, sidecar('client')),
      span(2, 1, 101, sidecar('server')),
      span(3, 1, 105, sidecar('server')),
      // A mirrored request is at the same place.
      span(4, 1, 106, sidecar('server', 'back-shadow:8080')),
      span(5, 3, 106),
    ];
    assert.deepEqual(textsOf(ofProxy), [undefined, 'attempt 1 of 2', 'attempt 2 of 2', undefined, undefined]);
    // A gateway asks an external authorizer before it sends the request.
    const ofGateway = (name: string): Partial<Span> => ({ ...sidecar('client'), name });
    const asked = [
      span(1, undefined, 100, sidecar('server')),
      span(2, 1, 101, ofGateway('async outbound|9000||authorizer.default.svc.cluster.local egress')),
      span(3, 1, 103, ofGateway('router outbound|8080||back.default.svc.cluster.local egress')),
    ];
    assert.deepEqual(textsOf(asked), [undefined, undefined, undefined]);
    const ofService = [span(1, undefined, 100), span(2, 1, 101, call(1)), span(3, 1, 105, call(2))];
    assert.deepEqual(textsOf(ofService), [undefined, 'attempt 1 of 2', 'attempt 2 of 2']);
    // Two calls to the same target, one of which was repeated, and one to another.
    const atOnce = [...ofService, span(4, 1, 102, call(1)), span(5, 1, 103, call(1, 'other:8080'))];
    assert.deepEqual(textsOf(atOnce), [undefined, undefined, undefined, undefined, 'attempt 2']);
  });

  test('summaries are the newest first, with the path of the first request', () => {
    const older = span(1, undefined, 50, { traceId: 'b'.repeat(32) });
    const newer = span(1, undefined, 100, { attributes: { 'url.path': '/@back/x' }, isError: true });
    const [first, second] = traceSummaries([older, newer, span(2, 1, 101)], 10);
    assert.deepEqual([first?.name, first?.spans, first?.errors], ['GET /@back/x', 2, 1]);
    assert.equal(second?.traceId, 'b'.repeat(32));
  });
});

suite('requests to the page of a mesh', () => {
  const statusOf = (headers: Record<string, string>, method = 'GET', bound = 'localhost'): number | undefined =>
    guardRequest({ method, headers }, bound)?.status;

  test('only hosts of this machine, the same origin, and GET are answered', () => {
    for (const name of ['localhost:20080', '127.0.0.1:20080', '[::1]:20080', '192.0.2.7:20080', 'LOCALHOST'])
      assert.equal(statusOf({ host: name }), undefined, name);
    assert.equal(statusOf({ host: 'lab.example:80' }, 'GET', 'lab.example'), undefined);
    for (const name of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '', '%', 'a b'])
      assert.equal(statusOf({ host: name }), 421, name);
    const own = { host: 'localhost:20080' };
    assert.equal(statusOf({ ...own, origin: 'http://localhost:20080' }), undefined);
    for (const origin of ['http://evil.example', 'http://localhost:1', 'null'])
      assert.equal(statusOf({ ...own, origin }), 403, origin);
    assert.equal(statusOf({ ...own, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }), 403);
    assert.equal(statusOf({ ...own, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }), undefined);
    for (const method of ['POST', 'OPTIONS', 'DELETE']) assert.equal(statusOf(own, method), 405, method);
  });
});

/** Mesh whose observations are counted. */
function countedMesh(texts: () => string): MeshSource & { observed: number } {
  const mesh = {
    name: 'one',
    kind: 'istio' as const,
    observed: 0,
    jaegerUrl: 'http://localhost:1',
    urlOf: () => undefined,
    edgeDetails: async () => undefined,
    observe: async (): Promise<Observation> => {
      mesh.observed++;
      const object = objectOf('ServiceEntry', {}, { name: texts() });
      const objects = [{ object, changedMs: mesh.observed }];
      const atMs = Date.now();
      const rest = { pods: [caller], services: [], traffic: [], refusals: [], changes: [] };
      return { atMs, rootNamespace: 'istio-system', objectsVersion: mesh.observed, objects, ...rest };
    },
  };
  return mesh;
}

suite('server of the page of a mesh', { timeout: 300_000 }, () => {
  const waitUntil = async (holds: () => boolean): Promise<void> => {
    for (let tries = 0; !holds() && tries < 1200; tries++) await sleep(50);
    assert.ok(holds());
  };

  test('the mesh is observed only while a page is open, once for all pages', async () => {
    const mesh = countedMesh(() => 'host.example');
    await using page = await MeshPageServer.start({ host: 'localhost', port: 0 }, mesh, {});
    await sleep(1500);
    assert.equal(mesh.observed, 0);
    const tabs = new AbortController();
    const url = new URL(meshPaths.events, page.url);
    const open = async (): Promise<Response> => fetch(url, { signal: tabs.signal });
    const responses = [await open()];
    while (responses.length < mostStreams) responses.push(await open());
    assert.ok(responses.every(({ status }) => status === 200));
    const refused = await open();
    assert.equal(refused.status, 503);
    assert.match(await refused.text(), /"error":"16 pages of this mesh are open/);
    const startedAt = performance.now();
    const before = mesh.observed;
    await sleep(2500);
    const most = 2 + (performance.now() - startedAt) / 1000;
    assert.ok(mesh.observed > before && mesh.observed - before <= most, `${mesh.observed - before} in ${most} s`);
    tabs.abort();
    await sleep(1500);
    const after = mesh.observed;
    await sleep(1500);
    assert.equal(mesh.observed, after);
  });

  test('any number is a start of the traces that a page asks for', async () => {
    await using page = await MeshPageServer.start(
      { host: 'localhost', port: 0 },
      countedMesh(() => 'a'),
      {},
    );
    const statusOf = async (since: string): Promise<number> =>
      (await fetch(new URL(`${meshPaths.traces}?since=${since}`, page.url))).status;
    assert.equal(await statusOf('x'), 400);
    // No Jaeger answers.
    for (const since of ['0', '-1', '1e15', '1e300', '-1e300']) assert.equal(await statusOf(since), 502, since);
  });

  test('a page that does not read is closed, and the others go on', async () => {
    const big = 'x'.repeat(1_500_000);
    let number = 0;
    const mesh = countedMesh(() => `${number++}.${big}`);
    await using page = await MeshPageServer.start({ host: 'localhost', port: 0 }, mesh, {});
    const { port, host: name } = new URL(page.url);
    const silent = connect(Number(port), 'localhost').pause();
    silent.on('error', () => {});
    await once(silent, 'connect');
    silent.write(`GET ${meshPaths.events} HTTP/1.1\r\nhost: ${name}\r\n\r\n`);
    const reader = await fetch(new URL(meshPaths.events, page.url));
    let read = 0;
    const reading = (async () => {
      for await (const chunk of reader.body ?? []) read += chunk.length;
    })();
    await waitUntil(() => read > 5 * big.length);
    // The socket is closed at the server; what the kernel holds is read, and then its end.
    const ended = once(silent, 'close');
    silent.resume();
    await ended;
    await page[Symbol.asyncDispose]();
    await reading;
  });
});
