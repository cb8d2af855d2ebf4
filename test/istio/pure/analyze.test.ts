import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { analyze } from '../../../src/istio/analyze.ts';
import type { KubeObject, Service } from '../../../src/istio/objects.ts';

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

function said(yaml: string, ...config: readonly KubeObject[]): string[] {
  return analyze([parse(yaml) as KubeObject], {
    services: [reviews, elsewhere],
    config: [legacy, ...config],
    pods,
  });
}

function rule(host: string, version: string, namespace = 'default'): string {
  return `{ apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: { name: r, namespace: ${namespace} },
    spec: { host: ${host}, subsets: [{ name: all }, { name: s, labels: { version: ${version} } }] } }`;
}

function policy(namespace: string, app: string): string {
  return `{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: p, namespace: ${namespace} },
    spec: { selector: { matchLabels: { app: ${app} } } } }`;
}

describe('loose ends', () => {
  it('are subsets that no pod of the Service has, in its namespace', () => {
    assert.deepEqual(said(rule('reviews', 'v1')), []);
    const line = 'destinationrule.networking.istio.io/r: subset s: no pod of reviews has version=';
    assert.deepEqual(said(rule('reviews', 'v2')), [`${line}v2`], 'v2 is of another Service');
    assert.deepEqual(said(rule('reviews', 'v3')), [`${line}v3`], 'v3 is in another namespace');
    assert.deepEqual(said(rule('reviews.b.svc.cluster.local', 'v3')), []);
    assert.deepEqual(said(rule('reviews', 'v3', 'b')), []);
  });

  it('are no subsets of hosts whose pods no selector says', () => {
    assert.deepEqual(said(rule('example.com', 'v9')), []);
  });

  it('are policies that select nothing in their namespace; those of the root namespace select everywhere', () => {
    assert.deepEqual(said(policy('b', 'reviews')), []);
    assert.deepEqual(said(policy('b', 'ratings')), [
      'authorizationpolicy.security.istio.io/p: no pod in b has app=ratings, which it selects',
    ]);
    assert.deepEqual(said(policy('istio-system', 'ratings')), []);
    assert.deepEqual(said(policy('istio-system', 'x')), [
      'authorizationpolicy.security.istio.io/p: no pod has app=x, which it selects',
    ]);
  });

  it('are hosts that nothing in the mesh is called', () => {
    const service = (hosts: string, gateways = ''): string =>
      `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: v }, spec: { hosts: [${hosts}]${gateways} } }`;
    const line = 'virtualservice.networking.istio.io/v: no Service or ServiceEntry has the name';
    assert.deepEqual(said(service('reviews, reviews.b, reviews.b.svc.cluster.local, legacy, "*"')), []);
    assert.deepEqual(said(service('reviewz')), [`${line} reviewz in default: no call meets it`]);
    assert.deepEqual(said(service('ratings.b')), [`${line} ratings.b: no call meets it`]);
    assert.deepEqual(said(service('reviews.c.svc.cluster.local')), [
      `${line} reviews.c.svc.cluster.local: no call meets it`,
    ]);
    assert.deepEqual(said(service('shop.example.com, shop.test')), [], 'names of the world outside may be called');
    assert.deepEqual(said(service('reviewz', ', gateways: [front]')), [], 'a gateway takes any name');
    assert.equal(said(service('reviewz', ', gateways: [front, mesh]')).length, 1);
    assert.deepEqual(said(rule('reviewz', 'v1')), [
      'destinationrule.networking.istio.io/r: no Service or ServiceEntry has the name reviewz in default: no call meets it',
    ]);
  });

  it('are destinations that nobody is called, and subsets that nobody defines', () => {
    const to = (destination: string): string =>
      `{ apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: { name: v },
        spec: { hosts: [reviews], http: [{ route: [{ destination: { ${destination} } }] }] } }`;
    const line = 'virtualservice.networking.istio.io/v:';
    const subset = (host: string, namespace?: string) => parse(rule(host, 'v1', namespace)) as KubeObject;
    assert.deepEqual(said(to('host: reviews.b.svc.cluster.local')), []);
    assert.deepEqual(said(to('host: example.com')), []);
    assert.deepEqual(said(to('host: reviewz, subset: s')), [
      `${line} no Service or ServiceEntry has the name reviewz in default: a request that is sent there is refused`,
    ]);
    const missing = `${line} no DestinationRule has the subset s of reviews: a request that is sent there is refused`;
    assert.deepEqual(said(to('host: reviews, subset: s')), [missing]);
    assert.deepEqual(said(to('host: reviews, subset: s'), subset('reviews', 'b')), [missing], "another namespace's");
    assert.deepEqual(said(to('host: reviews, subset: s'), subset('reviews')), []);
    assert.deepEqual(said(to('host: reviews, subset: s'), subset('reviews.default.svc.cluster.local', 'b')), []);
    assert.deepEqual(said(to('host: legacy, subset: s'), subset('legacy')), []);
  });

  it('are routes without a port where requests come in at one that the Service has not', () => {
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
        { services: [service], pods, config: gateway === undefined ? [] : [gateway] },
      );
    assert.deepEqual(messages(ports(8080, 9090), 'front'), [
      "virtualservice.networking.istio.io/v: a request that comes in at the gateway's port 80 is refused: reviews has the ports 8080, 9090, and the route says none",
    ]);
    assert.equal(messages(ports(8080, 9090), 'default/front').length, 1);
    assert.deepEqual(messages(ports(8080, 9090), 'front', ', port: { number: 8080 }'), []);
    assert.deepEqual(messages(ports(8080), 'front'), []);
    assert.deepEqual(messages(ports(80, 9090), 'front'), []);
    assert.deepEqual(messages(ports(8080, 9090), 'mesh'), []);
    assert.deepEqual(messages(ports(8080, 9090), 'b/front'), []);
  });

  it('are Services that a route of Gateway API is about, and that are not there', () => {
    const route = (parent: string): string =>
      `{ apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: { name: h }, spec: { parentRefs: [${parent}] } }`;
    assert.deepEqual(said(route('{ group: "", kind: Service, name: reviews }')), []);
    assert.deepEqual(said(route('{ group: "", kind: Service, name: reviews, namespace: b }')), []);
    assert.deepEqual(said(route('{ name: front }')), []);
    assert.deepEqual(said(route('{ group: "", kind: Service, name: ratings }')), [
      'httproute.gateway.networking.k8s.io/h: no Service or ServiceEntry has the name ratings in default: no call meets it',
    ]);
    assert.equal(said(route('{ group: "", kind: Service, name: reviews, namespace: c }')).length, 1);
  });

  it('are Services that select nothing, not those without a selector', () => {
    assert.deepEqual(said('{ apiVersion: v1, kind: Service, metadata: { name: s }, spec: { selector: { app: x } } }'), [
      'service/s: no pod in default has app=x, which it selects',
    ]);
    assert.deepEqual(said('{ apiVersion: v1, kind: Service, metadata: { name: s }, spec: { externalName: a.b } }'), []);
  });

  it('are what configures sidecars that are not there, but no Gateway', () => {
    const sidecar = (kind: string, spec: string): string =>
      `{ apiVersion: networking.istio.io/v1, kind: ${kind}, metadata: { name: c }, spec: ${spec} }`;
    assert.equal(said(sidecar('Sidecar', '{ workloadSelector: { labels: { app: x } } }')).length, 1);
    assert.deepEqual(said(sidecar('Sidecar', '{ workloadSelector: { labels: { app: ratings } } }')), []);
    assert.deepEqual(said(sidecar('Gateway', '{ selector: { istio: ingressgateway } }')), []);
  });
});
