import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fillObjects } from '../../../src/istio/fill.ts';
import { gatewayObjects } from '../../../src/istio/gateways.ts';
import type { KubeObject, Service, Workload } from '../../../src/istio/objects.ts';
import { leftOut, planPods } from '../../../src/istio/pods.ts';
import { portsOf, protocolOf } from '../../../src/istio/ports.ts';
import { defaultPortRoutes } from '../../../src/istio/routes.ts';

function service(
  name: string,
  ports: Service['spec']['ports'],
  selector: Record<string, string> = { app: name },
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector, ports: ports ?? [] },
  };
}

function workload(name: string, labels: Record<string, string>, replicas = 1, annotations = {}): Workload {
  const spec = { containers: [{ name: 'c', image: 'any/image', ports: [{ name: 'web', containerPort: 5000 }] }] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels, annotations }, spec } },
  };
}

const noLabels = () => ({});

describe('pods of workloads', () => {
  it('have the service name of their app label, their version, their replicas, and stable names', () => {
    const plan = () => planPods([workload('reviews-v2', { app: 'reviews', version: 'v2' }, 3)], [], noLabels);
    const pods = plan();
    assert.deepEqual(plan(), pods);
    assert.equal(new Set(pods.map(({ name }) => name)).size, 3);
    for (const pod of pods) {
      assert.deepEqual([pod.service, pod.version, pod.hasSidecar, pod.role], ['reviews', 'v2', true, 'mock']);
      assert.equal(pod.labels['security.istio.io/tlsMode'], 'istio');
      assert.match(pod.name, /^reviews-v2-[0-9a-f]{9}-[0-9a-f]{5}$/);
    }
  });

  it('have other names if their template or one of their ports changes', () => {
    const names = (labels: Record<string, string>, services: Service[]) =>
      planPods([workload('a', labels)], services, noLabels).map(({ name }) => name);
    const [first] = names({ app: 'a' }, []);
    assert.notEqual(names({ app: 'a', version: 'v2' }, [])[0], first);
    assert.notEqual(names({ app: 'a' }, [service('a', [{ name: 'http', port: 80 }])])[0], first);
  });

  it('have no sidecar if a label, an annotation or their namespace disables it', () => {
    const hasSidecar = (one: Workload, namespace = {}) => planPods([one], [], () => namespace)[0]?.hasSidecar;
    assert.equal(hasSidecar(workload('a', { app: 'a', 'sidecar.istio.io/inject': 'false' })), false);
    assert.equal(hasSidecar(workload('a', { app: 'a' }, 1, { 'sidecar.istio.io/inject': 'false' })), false);
    assert.equal(hasSidecar(workload('a', { app: 'a' }), { 'istio-injection': 'disabled' }), false);
    assert.equal(hasSidecar(workload('a', { app: 'a' }), { 'istio-injection': 'enabled' }), true);
  });
});

describe('the left-out parts of a workload', () => {
  const leftOutWithImage = (image: string): string[] => {
    const spec = { containers: [{ name: 'c', image }], initContainers: [{ name: 'i' }], volumes: [{ name: 'v' }] };
    const base = workload('a', { app: 'a' });
    const deployment = { ...base, spec: { ...base.spec, template: { ...base.spec.template, spec } } };
    return leftOut(deployment, planPods([deployment], [], noLabels));
  };
  it('include volumes only for the image of meshmock, because mocks of other images read no files', () => {
    assert.deepEqual(leftOutWithImage('any/image'), ['deployment.apps/a: init container i']);
    assert.deepEqual(leftOutWithImage('meshmock'), [
      'deployment.apps/a: init container i',
      'deployment.apps/a: volume v',
    ]);
  });
});

describe('ports', () => {
  for (const [port, expected] of [
    [{ name: 'grpc' }, 'grpc'],
    [{ name: 'grpc-api' }, 'grpc'],
    [{ name: 'http', appProtocol: 'grpc' }, 'grpc'],
    [{ name: 'grpc', appProtocol: 'http' }, 'http'],
    [{}, 'http'],
    [{ name: 'web' }, 'http'],
    [{ name: 'tcp-x' }, 'http'],
    [{ name: 'http2' }, 'other'],
    [{ name: 'dns', protocol: 'UDP' }, 'other'],
    [{ name: 'mysql' }, 'other'],
  ] as const)
    it(`like ${JSON.stringify(port)} have the protocol ${expected}`, () => assert.equal(protocolOf(port), expected));

  it('are those that Services lead to, by number or name, and those that a pod declares', () => {
    const pod = {
      containers: [
        {
          name: 'c',
          ports: [
            { name: 'api', containerPort: 7000 },
            { containerPort: 9000 },
            { name: 'mysql', containerPort: 3306 },
          ],
        },
      ],
    };
    const services = [
      service('a', [
        { name: 'grpc', port: 80, targetPort: 'api' },
        { name: 'http', port: 8080 },
      ]),
    ];
    assert.deepEqual(portsOf(pod, services), { http: [8080, 9000], grpc: [7000], notServed: ['port 3306 (mysql)'] });
  });

  it('have routes for host names without a port, unless the Service has the default port', () => {
    const services = [
      service('a', [
        { name: 'http', port: 9080 },
        { name: 'grpc', port: 7000 },
      ]),
      service('b', [
        { name: 'http', port: 8080 },
        { name: 'grpc', port: 9090 },
      ]),
    ];
    const routes = defaultPortRoutes(services, 'default');
    assert.ok(routes.includes('a:8080::9080') && routes.includes('a:9090::7000'));
    assert.ok(routes.includes('a.default.svc.cluster.local:8080::9080'));
    assert.ok(!routes.some((route) => route.startsWith('b')));
    assert.ok(!defaultPortRoutes(services, 'other').some((route) => route.startsWith('a:')));
  });
});

const gateway = (port: number, selector: Record<string, string> = { istio: 'ingressgateway' }): KubeObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'Gateway',
  metadata: { name: 'g', namespace: 'default' },
  spec: { selector, servers: [{ port: { number: port, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }] },
});

const titles = (objects: readonly KubeObject[]) =>
  objects.map(({ kind, metadata: { name, namespace } }) => `${kind} ${namespace}/${name}`);

describe('gateways', () => {
  it('get the objects of an installation of Istio, once for each selector', () => {
    const made = gatewayObjects([gateway(80), gateway(443), gateway(80, { app: 'own' })], [], []);
    assert.deepEqual(titles(made), [
      'ServiceAccount istio-system/istio-ingressgateway-service-account',
      ...['Deployment', 'Service'].map((kind) => `${kind} istio-system/istio-ingressgateway`),
      ...['ServiceAccount', 'Deployment', 'Service'].map((kind) => `${kind} istio-system/own`),
    ]);
    const { spec } = made[2] as Service;
    assert.deepEqual(
      spec.ports?.map(({ port, targetPort }) => [port, targetPort]),
      [
        [80, 8080],
        [443, 8443],
      ],
    );
  });

  it('get only a Service if a workload has their labels', () => {
    const custom = workload('mine', { istio: 'ingressgateway' });
    assert.deepEqual(titles(gatewayObjects([gateway(80)], [custom], [])), [
      'Service istio-system/istio-ingressgateway',
    ]);
  });
});

describe('--fill', () => {
  const config = (kind: string, spec: object, name = 'c'): KubeObject => ({
    apiVersion: 'networking.istio.io/v1',
    kind,
    metadata: { name, namespace: 'default' },
    spec,
  });

  it('makes a mock for every host, subset and Service that has none, and for no others', () => {
    const virtualService = config('VirtualService', {
      http: [
        {
          route: [{ destination: { host: 'a', port: { number: 7000 } } }, { destination: { host: 'b.other' } }],
          mirror: { host: 'c.default.svc.cluster.local' },
        },
      ],
    });
    const rule = config('DestinationRule', {
      host: 'd',
      subsets: [
        { name: 'v1', labels: { version: 'v1' } },
        { name: 'v2', labels: { version: 'v2' } },
      ],
    });
    const made = fillObjects({
      services: [service('d', [{ port: 80 }]), service('e', [{ port: 80 }])],
      workloads: [workload('d-v1', { app: 'd', version: 'v1' })],
      config: [virtualService, rule],
      namespaces: new Set(['default', 'other']),
    });
    assert.deepEqual(titles(made).sort(), [
      'Deployment default/a',
      'Deployment default/c',
      'Deployment default/d-v2',
      'Deployment default/e',
      'Deployment other/b',
      'Service default/a',
      'Service default/c',
      'Service other/b',
    ]);
    const a = made.find(({ kind, metadata }) => kind === 'Service' && metadata.name === 'a') as Service;
    assert.deepEqual(a.spec.ports, [{ name: 'http-7000', port: 7000, targetPort: 7000 }]);
  });

  it('gives a Service the ports that routes name; for routes without a port, those at which it may be called', () => {
    const routes = (...destinations: readonly object[]) => ({
      http: [{ route: destinations.map((destination) => ({ destination })) }],
    });
    const to = (host: string, ...numbers: readonly number[]) => numbers.map((number) => ({ host, port: { number } }));
    const made = fillObjects({
      services: [],
      workloads: [],
      config: [
        config('VirtualService', routes({ host: 'none' }, ...to('two', 7000, 7001), ...to('one', 7000))),
        config('VirtualService', routes({ host: 'one.default.svc.cluster.local' }, { host: 'two.default' }), 'd'),
        config('DestinationRule', { host: 'rule' }),
        config('Gateway', { servers: [{ port: { number: 80 } }, { port: { number: 31400 } }] }),
      ],
      namespaces: new Set(['default']),
    });
    const ports = made
      .filter(({ kind }) => kind === 'Service')
      .map(({ metadata, spec }) => [metadata.name, (spec as Service['spec']).ports?.map(({ port }) => port)]);
    assert.deepEqual(Object.fromEntries(ports), {
      none: [8080, 9090, 80, 31400],
      two: [7000, 7001, 80, 31400],
      // Routes name only port 7000, but a sidecar that is called at port 80 would not use it.
      one: [7000, 80, 31400],
      rule: [8080, 9090],
    });
  });

  it('runs external hosts in pods without a sidecar, and makes no mock for hosts with addresses', () => {
    const entry = (spec: object) =>
      config('ServiceEntry', { hosts: ['api.test'], ports: [{ number: 80, name: 'http', protocol: 'HTTP' }], ...spec });
    const fill = (spec: object) =>
      fillObjects({ services: [], workloads: [], config: [entry(spec)], namespaces: new Set<string>() }) as Workload[];
    const [mock] = fill({ resolution: 'DNS' });
    assert.equal(mock?.spec.template.metadata?.labels?.['sidecar.istio.io/inject'], 'false');
    assert.equal(mock?.spec.template.metadata?.annotations?.['meshmock.dev/external-hosts'], 'api.test');
    assert.deepEqual(fill({ resolution: 'NONE' }), []);
    assert.deepEqual(fill({ resolution: 'STATIC', endpoints: [{ address: '10.0.0.1' }] }), []);
  });
});
