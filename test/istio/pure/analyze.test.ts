import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { analyze } from '../../../src/istio/analysis/analyze.ts';
import { analyzeAddresses } from '../../../src/istio/analysis/analyze-addresses.ts';
import type { MeshProvider } from '../../../src/istio/analysis/known-hosts.ts';
import type { KubeObject, Service } from '../../../src/istio/resources/objects.ts';

const reviews = parse(
  '{ apiVersion: v1, kind: Service, metadata: { name: reviews }, spec: { selector: { app: reviews } } }',
) as Service;
const elsewhere = { ...reviews, metadata: { name: 'reviews', namespace: 'b' } };
const legacy = parse(
  '{ apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: { name: legacy }, spec: { hosts: [legacy] } }',
) as KubeObject;
const pods = [
  { namespace: 'default', labels: { app: 'reviews', version: 'v1' } },
  { namespace: 'default', labels: { app: 'ratings', version: 'v2' } },
  { namespace: 'b', labels: { app: 'reviews', version: 'v3' } },
];

/** Analyzes one object in a mesh with these Services, pods and configuration. */
function linesFor(yaml: string, ...config: readonly KubeObject[]): string[] {
  return analyze([parse(yaml) as KubeObject], {
    rootNamespace: 'istio-system',
    services: [reviews, elsewhere],
    config: [legacy, ...config],
    pods,
  });
}

/** Analyzes one object in a mesh with these extension providers. */
function linesWith(providers: readonly MeshProvider[], yaml: string): string[] {
  const context = { rootNamespace: 'istio-system', services: [reviews, elsewhere], config: [legacy], pods, providers };
  return analyze([parse(yaml) as KubeObject], context);
}

function rule(host: string, version: string, namespace = 'default'): string {
  return `{ apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: { name: r, namespace: ${namespace} },
    spec: { host: ${host}, subsets: [{ name: all }, { name: s, labels: { version: ${version} } }] } }`;
}

function policy(namespace: string, app: string): string {
  return `{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: p, namespace: ${namespace} },
    spec: { selector: { matchLabels: { app: ${app} } } } }`;
}

describe('addresses outside a local mesh', () => {
  const pods = [{ address: '10.77.1.2', annotations: { 'meshmock.dev/external-hosts': 'a.test,b.test' } }];
  const linesFor = (yaml: string): string[] => analyzeAddresses([parse(yaml) as KubeObject], [reviews], pods);
  const entry = (spec: string): string =>
    `{ apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: { name: s }, spec: { ${spec} } }`;

  it('are reported for each kind that has them', () => {
    const at = (name: string, host: string): string =>
      `${name}: nothing in the local mesh answers at ${host}, so calls to it fail`;
    for (const [yaml, expected] of [
      [entry('hosts: [a.test, c.test]'), [at('serviceentry.networking.istio.io/s', 'c.test')]],
      [entry('hosts: [c.test], endpoints: [{ address: reviews }, { address: 10.77.1.2 }]'), []],
      [entry('hosts: [c.test], workloadSelector: { labels: { app: x } }'), []],
      [entry('hosts: ["*.test"]'), []],
      [
        '{ apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: { name: w }, spec: { address: 192.0.2.1 } }',
        [at('workloadentry.networking.istio.io/w', '192.0.2.1')],
      ],
      [
        '{ apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: e }, endpoints: [{ addresses: [192.0.2.1] }] }',
        [at('endpointslice.discovery.k8s.io/e', '192.0.2.1')],
      ],
      [
        '{ apiVersion: v1, kind: Endpoints, metadata: { name: e }, subsets: [{ addresses: [{ ip: 10.77.1.2 }, { ip: 192.0.2.1 }] }] }',
        [at('endpoints/e', '192.0.2.1')],
      ],
      [
        '{ apiVersion: v1, kind: Service, metadata: { name: x }, spec: { type: ExternalName, externalName: c.test } }',
        [at('service/x', 'c.test')],
      ],
      ['{ apiVersion: v1, kind: Service, metadata: { name: x }, spec: { externalName: reviews.default.svc } }', []],
    ] as const)
      assert.deepEqual(linesFor(yaml), expected, yaml);
  });
});

describe('analyze', () => {
  it('reports subsets that no pod of the Service has in its namespace', () => {
    assert.deepEqual(linesFor(rule('reviews', 'v1')), []);
    const line = 'destinationrule.networking.istio.io/r: subset s: no pod of reviews has version=';
    assert.deepEqual(linesFor(rule('reviews', 'v2')), [`${line}v2`], 'v2 belongs to another Service');
    assert.deepEqual(linesFor(rule('reviews', 'v3')), [`${line}v3`], 'v3 is in another namespace');
    assert.deepEqual(linesFor(rule('reviews.b.svc.cluster.local', 'v3')), []);
    assert.deepEqual(linesFor(rule('reviews', 'v3', 'b')), []);
  });

  it('reports features that act in a cluster but not in the local mesh', () => {
    const custom = `{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: c },
      spec: { action: CUSTOM, provider: { name: authz }, rules: [{}] } }`;
    const name = 'authorizationpolicy.security.istio.io/c';
    assert.deepEqual(linesFor(custom), [], 'the mesh configuration is not known');
    assert.deepEqual(linesWith([], custom), [
      `${name}: the mesh configuration has no provider authz, so Istio refuses the requests`,
    ]);
    const mock = { name: 'authz', service: 'reviews.b.svc.cluster.local' };
    assert.deepEqual(linesWith([{ ...mock, type: 'envoyExtAuthzHttp' }], custom), [
      `${name}: its provider ${mock.service} is a mock, which allows all requests unless it has a directive such as ~status=403`,
    ]);
    assert.deepEqual(linesWith([{ ...mock, type: 'envoyExtAuthzGrpc' }], custom), [
      `${name}: its provider ${mock.service} is a mock, which allows all requests unless it has a directive such as ~grpc-status=UNAVAILABLE`,
    ]);
    assert.deepEqual(linesWith([{ name: 'authz', service: undefined }], custom), []);
    assert.deepEqual(linesWith([{ name: 'authz', service: 'door.b.svc.cluster.local' }], custom), [
      `${name}: its provider is door.b.svc.cluster.local, and no Service has this name: Istio refuses the requests`,
    ]);
    const telemetry = (rule: string): string =>
      `{ apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: { name: t }, spec: { metrics: [${rule}] } }`;
    const prometheus = [{ name: 'prometheus', service: undefined }];
    assert.deepEqual(linesWith(prometheus, telemetry('{ providers: [{ name: prometheus }] }')), []);
    assert.deepEqual(linesWith(prometheus, telemetry('{ overrides: [{ disabled: true }] }')), [
      "telemetry.telemetry.istio.io/t: the overrides of its metrics have no effect, because only Istio's build of Envoy has istio.stats",
    ]);
    assert.deepEqual(linesWith([], telemetry('{ providers: [{ name: own }] }')), [
      'telemetry.telemetry.istio.io/t: the mesh configuration has no provider own',
    ]);
    const filter = `{ apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: { name: f },
      spec: { configPatches: [{ match: { listener: { filterChain: { filter: { subFilter: { name: istio.stats } } } } },
        patch: { operation: REMOVE } }] } }`;
    assert.deepEqual(linesFor(filter), [
      "envoyfilter.networking.istio.io/f: only Istio's build of Envoy has istio.stats, so a patch that looks for it has no effect",
    ]);
    const canary = '{ apiVersion: v1, kind: Namespace, metadata: { name: n, labels: { istio.io/rev: canary } } }';
    assert.deepEqual(linesFor(canary), [
      'namespace/n: the local mesh has no istiod of the revision canary, so pods with istio.io/rev get no sidecar',
    ]);
    assert.deepEqual(linesFor(canary.replace('canary }', 'default }')), []);
    const ambient = 'the local mesh has no ambient mode: the pods have sidecars';
    assert.deepEqual(
      linesFor(
        '{ apiVersion: v1, kind: Namespace, metadata: { name: n, labels: { istio.io/dataplane-mode: ambient } } }',
      ),
      [`namespace/n: ${ambient}`],
    );
    assert.deepEqual(
      linesFor(`{ apiVersion: apps/v1, kind: Deployment, metadata: { name: d },
        spec: { template: { metadata: { labels: { istio.io/dataplane-mode: ambient } } } } }`),
      [`deployment.apps/d: ${ambient}`],
    );
  });

  it('reports workloads whose gRPC would need no proxy in a cluster', () => {
    const pod = { namespace: 'default', labels: { app: 'echo' }, workload: 'echo', isProxyless: true };
    const context = { rootNamespace: 'istio-system', services: [reviews], config: [], pods: [...pods, pod] };
    const deployment = (name: string): KubeObject =>
      parse(`{ apiVersion: apps/v1, kind: Deployment, metadata: { name: ${name} },
        spec: { template: { metadata: { labels: { app: echo } } } } }`) as KubeObject;
    assert.deepEqual(analyze([deployment('echo'), deployment('other')], context), [
      "deployment.apps/echo: in a cluster, gRPC in its pods applies Istio's routes, policies and mTLS without a proxy; mocks cannot, so its pods apply none of these here",
    ]);
  });

  it('says once what concerns many objects', () => {
    const denied = (name: string): KubeObject => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name },
    });
    const context = { rootNamespace: 'istio-system', services: [], config: [], pods };
    const message = 'the local mesh does not enforce it, so connections that it forbids work here';
    assert.deepEqual(analyze([denied('a'), denied('b')], context), [
      `networkpolicy.networking.k8s.io/a: ${message}`,
      `networkpolicy.networking.k8s.io/b: ${message}`,
    ]);
    assert.deepEqual(analyze([denied('a'), denied('b'), denied('c')], context), [
      `networkpolicy.networking.k8s.io/a and 2 other objects: ${message}`,
    ]);
  });

  it('does not report subsets of hosts without a selector', () => {
    assert.deepEqual(linesFor(rule('example.com', 'v9')), []);
  });

  it('reports policies whose selector matches no pod: in their namespace, or anywhere for the root namespace', () => {
    assert.deepEqual(linesFor(policy('b', 'reviews')), []);
    assert.deepEqual(linesFor(policy('b', 'ratings')), [
      'authorizationpolicy.security.istio.io/p: the selector app=ratings matches no pod in b',
    ]);
    assert.deepEqual(linesFor(policy('istio-system', 'ratings')), []);
    assert.deepEqual(linesFor(policy('istio-system', 'x')), [
      'authorizationpolicy.security.istio.io/p: the selector app=x matches no pod',
    ]);
  });

  it('reports hosts that no Service or ServiceEntry has', () => {
    const service = (hosts: string, gateways = ''): string =>
      `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: v }, spec: { hosts: [${hosts}]${gateways} } }`;
    const line = 'virtualservice.networking.istio.io/v: no Service or ServiceEntry is named';
    assert.deepEqual(linesFor(service('reviews, reviews.b, reviews.b.svc.cluster.local, legacy, "*"')), []);
    assert.deepEqual(linesFor(service('reviewz')), [`${line} reviewz in default: the object applies to no call`]);
    assert.deepEqual(linesFor(service('ratings.b')), [`${line} ratings.b: the object applies to no call`]);
    assert.deepEqual(linesFor(service('reviews.c.svc.cluster.local')), [
      `${line} reviews.c.svc.cluster.local: the object applies to no call`,
    ]);
    assert.deepEqual(linesFor(service('shop.example.com, shop.test')), [], 'names outside the mesh may exist');
    const front = parse(
      '{ apiVersion: networking.istio.io/v1, kind: Gateway, metadata: { name: front } }',
    ) as KubeObject;
    assert.deepEqual(linesFor(service('reviewz', ', gateways: [front]'), front), [], 'a gateway accepts any name');
    assert.equal(linesFor(service('reviewz', ', gateways: [front, mesh]'), front).length, 1);
    assert.deepEqual(linesFor(service('reviewz', ', gateways: [default/front, edge/front]'), front), [
      'virtualservice.networking.istio.io/v: no Gateway is named edge/front: no request enters through it',
    ]);
    assert.deepEqual(linesFor(rule('reviewz', 'v1')), [
      'destinationrule.networking.istio.io/r: no Service or ServiceEntry is named reviewz in default: the object applies to no call',
    ]);
  });

  it('reports destinations without a Service, and subsets without a definition', () => {
    const to = (destination: string): string =>
      `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: v },
        spec: { hosts: [reviews], http: [{ route: [{ destination: { ${destination} } }] }] } }`;
    const line = 'virtualservice.networking.istio.io/v:';
    const subset = (host: string, namespace?: string) => parse(rule(host, 'v1', namespace)) as KubeObject;
    assert.deepEqual(linesFor(to('host: reviews.b.svc.cluster.local')), []);
    assert.deepEqual(linesFor(to('host: example.com')), []);
    assert.deepEqual(linesFor(to('host: reviewz, subset: s')), [
      `${line} no Service or ServiceEntry is named reviewz in default: requests to it fail`,
    ]);
    const missing = `${line} no DestinationRule defines the subset s of reviews: requests to it fail`;
    assert.deepEqual(linesFor(to('host: reviews, subset: s')), [missing]);
    assert.deepEqual(
      linesFor(to('host: reviews, subset: s'), subset('reviews', 'b')),
      [missing],
      'a rule in another namespace',
    );
    assert.deepEqual(linesFor(to('host: reviews, subset: s'), subset('reviews')), []);
    assert.deepEqual(linesFor(to('host: reviews, subset: s'), subset('reviews.default.svc.cluster.local', 'b')), []);
    assert.deepEqual(linesFor(to('host: legacy, subset: s'), subset('legacy')), []);
  });

  it('reports routes without a port if the Service does not have the port of the gateway', () => {
    const [gateway] = ['front'].map(
      (name) =>
        parse(`{ apiVersion: networking.istio.io/v1, kind: Gateway, metadata: { name: ${name} },
          spec: { servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] } }`) as KubeObject,
    );
    const ports = (...numbers: readonly number[]): Service => ({
      ...reviews,
      spec: { ...reviews.spec, ports: numbers.map((port) => ({ name: `http-${port}`, port })) },
    });
    const messages = (service: Service, gateways: string, port = ''): string[] =>
      analyze(
        [
          parse(`{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: v },
            spec: { hosts: ["*"], gateways: [${gateways}], http: [{ route: [{ destination: { host: reviews${port} } }] }] } }`) as KubeObject,
        ],
        { services: [service], pods, rootNamespace: 'istio-system', config: gateway === undefined ? [] : [gateway] },
      );
    assert.deepEqual(messages(ports(8080, 9090), 'front'), [
      "virtualservice.networking.istio.io/v: requests at the gateway's port 80 fail: reviews has the ports 8080, 9090, and the route names no port",
    ]);
    assert.equal(messages(ports(8080, 9090), 'default/front').length, 1);
    assert.deepEqual(messages(ports(8080, 9090), 'front', ', port: { number: 8080 }'), []);
    assert.deepEqual(messages(ports(8080), 'front'), []);
    assert.deepEqual(messages(ports(80, 9090), 'front'), []);
    assert.deepEqual(messages(ports(8080, 9090), 'mesh'), []);
    assert.deepEqual(messages(ports(8080, 9090), 'b/front'), [
      'virtualservice.networking.istio.io/v: no Gateway is named b/front: no request enters through it',
    ]);
  });

  it('reports names of Services that the header Host never is, because they have no port 80', () => {
    const line = 'authorizationpolicy.security.istio.io/p:';
    const messagesOf = (yaml: string, ...ports: readonly number[]): string[] => {
      const services = [reviews, elsewhere].map((service) => ({
        ...service,
        spec: { ...service.spec, ports: ports.map((port) => ({ name: `http-${port}`, port })) },
      }));
      return analyze([parse(yaml) as KubeObject], { services, pods, rootNamespace: 'istio-system', config: [] });
    };
    const hosts = (list: string): string =>
      `{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: p }, spec: { rules: [{ to: [{ operation: { hosts: [${list}] } }] }] } }`;
    const message = (host: string): string =>
      `clients send each port but 80 in the header Host, such as ${host}:9080, so the host ${host} matches none of their calls: add ${host}:*`;
    assert.deepEqual(messagesOf(hosts('reviews, reviews.b, example.com'), 9080), [
      `${line} ${message('reviews')}`,
      `${line} ${message('reviews.b')}`,
    ]);
    assert.deepEqual(messagesOf(hosts('reviews, "reviews:*"'), 9080), []);
    assert.deepEqual(messagesOf(hosts('reviews*, "reviews:8080"'), 9080), []);
    assert.deepEqual(messagesOf(hosts('reviews'), 9080, 80), []);
    const route = `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: v },
      spec: { hosts: [reviews], http: [{ match: [{ authority: { exact: reviews } }], redirect: {} }] } }`;
    assert.deepEqual(messagesOf(route, 9080), [`virtualservice.networking.istio.io/v: ${message('reviews')}`]);
  });

  it('reports no method of gRPC, because mocks call and answer each of them', () => {
    const policy = `{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: p },
      spec: { rules: [{ to: [{ operation: { paths: [/shop.Basket/Add, /shop.Basket/*] } }] }] } }`;
    assert.deepEqual(linesFor(policy), []);
    const route = `{ apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, metadata: { name: g },
      spec: { rules: [{ matches: [{ method: { service: shop.Basket } }] }] } }`;
    assert.deepEqual(linesFor(route), []);
  });

  it('reports TLS that a proxy begins, if mocks have no port for it', () => {
    const destination = (policy: string): string =>
      `{ apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: { name: r }, spec: { host: legacy, trafficPolicy: { ${policy} } } }`;
    const line =
      'destinationrule.networking.istio.io/r: mocks speak TLS only at ports for https or tls, and legacy has none, so calls with the TLS mode SIMPLE fail: the host may answer them in a cluster';
    assert.deepEqual(linesFor(destination('tls: { mode: SIMPLE }')), [line]);
    assert.deepEqual(linesFor(destination('portLevelSettings: [{ port: { number: 80 }, tls: { mode: SIMPLE } }]')), [
      line,
    ]);
    assert.deepEqual(linesFor(destination('tls: { mode: ISTIO_MUTUAL }')), []);
  });

  it('reports pods without a sidecar because of the revision, and pods with the name server of their node', () => {
    const deployment = (labels: string, spec = ''): string =>
      `{ apiVersion: apps/v1, kind: Deployment, metadata: { name: d }, spec: { template: { metadata: { labels: { ${labels} } }, spec: { ${spec} } } } }`;
    const message = 'the local mesh has no istiod of the revision canary, so pods with istio.io/rev get no sidecar';
    assert.deepEqual(linesFor(deployment('app: d, istio.io/rev: canary')), [`deployment.apps/d: ${message}`]);
    assert.deepEqual(linesFor(deployment('app: d, istio.io/rev: default')), []);
    const namespace = (labels: string): string =>
      `{ apiVersion: v1, kind: Namespace, metadata: { name: n, labels: { ${labels} } } }`;
    assert.deepEqual(linesFor(namespace('istio.io/rev: canary')), [`namespace/n: ${message}`]);
    assert.deepEqual(linesFor(namespace('istio.io/rev: canary, istio-injection: enabled')), []);
    assert.deepEqual(linesFor(deployment('app: d', 'hostNetwork: true')), [
      'deployment.apps/d: pods with hostNetwork use the name server of their node, so they do not find Services: set dnsPolicy: ClusterFirstWithHostNet',
    ]);
    assert.deepEqual(linesFor(deployment('app: d', 'hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet')), []);
  });

  it('reports Services that do not exist, to which a route of the Gateway API is attached', () => {
    const route = (parent: string): string =>
      `{ apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: { name: h }, spec: { parentRefs: [${parent}] } }`;
    assert.deepEqual(linesFor(route('{ group: "", kind: Service, name: reviews }')), []);
    assert.deepEqual(linesFor(route('{ group: "", kind: Service, name: reviews, namespace: b }')), []);
    assert.deepEqual(linesFor(route('{ name: front }')), []);
    assert.deepEqual(linesFor(route('{ group: "", kind: Service, name: ratings }')), [
      'httproute.gateway.networking.k8s.io/h: no Service or ServiceEntry is named ratings in default: the object applies to no call',
    ]);
    assert.equal(linesFor(route('{ group: "", kind: Service, name: reviews, namespace: c }')).length, 1);
  });

  it('reports Services whose selector matches no pod, but no Services without a selector', () => {
    assert.deepEqual(
      linesFor('{ apiVersion: v1, kind: Service, metadata: { name: s }, spec: { selector: { app: x } } }'),
      ['service/s: the selector app=x matches no pod in default'],
    );
    assert.deepEqual(
      linesFor('{ apiVersion: v1, kind: Service, metadata: { name: s }, spec: { externalName: a.b } }'),
      [],
    );
  });

  it('reports configuration of sidecars whose selector matches no pod, but no Gateway', () => {
    const sidecar = (kind: string, spec: string): string =>
      `{ apiVersion: networking.istio.io/v1, kind: ${kind}, metadata: { name: c }, spec: ${spec} }`;
    assert.equal(linesFor(sidecar('Sidecar', '{ workloadSelector: { labels: { app: x } } }')).length, 1);
    assert.deepEqual(linesFor(sidecar('Sidecar', '{ workloadSelector: { labels: { app: ratings } } }')), []);
    assert.deepEqual(linesFor(sidecar('Gateway', '{ selector: { istio: ingressgateway } }')), []);
  });
});
