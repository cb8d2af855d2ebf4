import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fillObjects } from '../../../src/istio/local-mesh/fill.ts';
import { mockKey, planPod } from '../../../src/istio/node/pod-plan.ts';
import { workloadLeftOut } from '../../../src/istio/node/workload-left-out.ts';
import { gatewayObjects, missingPorts } from '../../../src/istio/resources/gateways.ts';
import type {
  Container,
  KubeObject,
  Pod,
  Service,
  ServicePort,
  Workload,
} from '../../../src/istio/resources/objects.ts';
import { portProtocolOf, portsOf } from '../../../src/istio/resources/ports.ts';
import { servicePortSettings } from '../../../src/istio/resources/routes.ts';

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

function workload(name: string, labels: Record<string, string>): Workload {
  const spec = { containers: [{ name: 'c', image: 'any/image', ports: [{ name: 'web', containerPort: 5000 }] }] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

const app: Container = { name: 'c', image: 'any/image', ports: [{ name: 'web', containerPort: 5000 }] };
const proxy = (mode: 'sidecar' | 'router'): Container => ({
  name: 'istio-proxy',
  image: 'registry.test/istio/proxyv2:local',
  args: ['proxy', mode],
});
const init: Container = { name: 'istio-init', image: 'istio/proxyv2:local', args: ['istio-iptables', '-p', '15001'] };

function pod(labels: Record<string, string>, containers: Container[], initContainers: Container[] = []): Pod {
  const ownerReferences = [{ kind: 'ReplicaSet', name: 'reviews-v2-5d8', uid: 'u', controller: true }];
  const metadata = {
    name: 'reviews-v2-5d8-x2x',
    namespace: 'default',
    uid: 'p',
    labels: { 'pod-template-hash': '5d8', ...labels },
    ownerReferences,
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, initContainers } };
}

describe('a pod', () => {
  it('has the service name of its app label, its version, and the name of its Deployment', () => {
    const plan = planPod(pod({ app: 'reviews', version: 'v2' }, [app], [init, proxy('sidecar')]), []);
    assert.deepEqual([plan.service, plan.version, plan.workload], ['reviews', 'v2', 'reviews-v2']);
    assert.deepEqual([plan.hasSidecar, plan.role], [true, 'mock']);
    assert.equal(plan.programs.interception, init);
    assert.deepEqual(plan.programs.mocked, [app]);
  });

  it('without a proxy has no sidecar, and one with only a router is a gateway', () => {
    assert.equal(planPod(pod({ app: 'a' }, [app]), []).hasSidecar, false);
    assert.equal(planPod(pod({ app: 'a' }, [proxy('router')]), []).role, 'gateway');
    assert.equal(planPod(pod({ app: 'a' }, [{ name: 'd', image: 'istio/pilot:local' }]), []).role, 'istiod');
  });

  it('answers with v1 if it has no version, although the injector labels it latest', () => {
    assert.equal(planPod(pod({ 'service.istio.io/canonical-revision': 'latest' }, [app]), []).version, 'v1');
  });

  it('needs a new mock if a Service leads to another port, and for nothing else', () => {
    const keyWith = (services: Service[], labels = {}) =>
      mockKey(planPod(pod({ app: 'a', ...labels }, [app]), services));
    assert.notEqual(keyWith([service('a', [{ name: 'http', port: 80 }])]), keyWith([]));
    assert.equal(keyWith([service('a', [{ name: 'http', port: 5000 }])], { other: 'label' }), keyWith([]));
  });
});

describe('the left-out parts of a workload', () => {
  const leftOutWithImage = (image: string): string[] => {
    const spec = { containers: [{ name: 'c', image }], initContainers: [{ name: 'i' }], volumes: [{ name: 'v' }] };
    const base = workload('reviews-v2', { app: 'a' });
    const deployment = { ...base, spec: { ...base.spec, template: { ...base.spec.template, spec } } };
    return workloadLeftOut(deployment, [planPod(pod({ app: 'a' }, [{ name: 'c', image }]), [])]);
  };
  it('include volumes only for the image of meshmock, because mocks of other images read no files', () => {
    assert.deepEqual(leftOutWithImage('any/image'), ['deployment.apps/reviews-v2: init container i']);
    assert.deepEqual(leftOutWithImage('meshmock'), [
      'deployment.apps/reviews-v2: init container i',
      'deployment.apps/reviews-v2: volume v',
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
    [{ name: 'tcp-x' }, 'tcp'],
    [{ appProtocol: 'tcp', name: 'http' }, 'tcp'],
    [{ name: 'postgresql' }, 'tcp'],
    [{ name: 'db', port: 5432 }, 'tcp'],
    [{ name: 'http-db', port: 5432 }, 'http'],
    [{ name: 'http2' }, 'http'],
    [{ name: 'web', appProtocol: 'kubernetes.io/h2c' }, 'http'],
    [{ appProtocol: 'kubernetes.io/wss' }, 'tls'],
    [{ name: 'tls-x' }, 'tls'],
    [{ name: 'dns', protocol: 'UDP' }, 'other'],
    [{ name: 'mysql' }, 'tcp'],
    [{ name: 'https' }, 'tls'],
  ] as const)
    it(`like ${JSON.stringify(port)} have the protocol ${expected}`, () =>
      assert.equal(portProtocolOf(port), expected));

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
    assert.deepEqual(portsOf(pod, services), { http: [8080, 9000], grpc: [7000], tcp: [3306], tls: [], notServed: [] });
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
    const routes = servicePortSettings(services, 'default');
    assert.ok(routes.includes('http:a:9080') && routes.includes('grpc:a:7000'));
    assert.ok(routes.includes('http:a.default.svc.cluster.local:9080'));
    assert.ok(!routes.some((route) => /^\w+:b/.test(route)));
    assert.ok(!servicePortSettings(services, 'other').some((route) => /^\w+:a:/.test(route)));
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
      ...['Role', 'RoleBinding'].map((kind) => `${kind} istio-system/istio-ingressgateway-sds`),
      ...['Deployment', 'Service'].map((kind) => `${kind} istio-system/istio-ingressgateway`),
      'ServiceAccount istio-system/own',
      ...['Role', 'RoleBinding'].map((kind) => `${kind} istio-system/own-sds`),
      ...['Deployment', 'Service'].map((kind) => `${kind} istio-system/own`),
    ]);
    const { spec } = made[4] as Service;
    assert.deepEqual(
      spec.ports?.map(({ port, targetPort }) => [port, targetPort]),
      [
        [80, 8080],
        [443, 8443],
      ],
    );
  });

  it('get the ports of servers to which none of their Services leads', () => {
    const service = (ports: readonly ServicePort[]): Service => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'g' },
      spec: { ports: [...ports] },
    });
    const installed = service([{ port: 80, targetPort: 8080 }]);
    const local = service([{ port: 80, targetPort: 8081 }]);
    const added = { name: 'http-8081', port: 8081, targetPort: 8081, protocol: 'TCP' };
    assert.deepEqual(missingPorts([installed], [80, 8080, 8081]), [added]);
    assert.deepEqual(missingPorts([installed, local], [80, 8081]), []);
  });

  it('get only a Service if a workload has their labels and no Service', () => {
    const custom = workload('mine', { istio: 'ingressgateway', app: 'edge' });
    assert.deepEqual(titles(gatewayObjects([gateway(80)], [custom, custom], [])), [
      'Service default/istio-ingressgateway',
    ]);
    const service: Service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'edge' },
      spec: { selector: { app: 'edge' } },
    };
    assert.deepEqual(gatewayObjects([gateway(80)], [custom], [service]), []);
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

  it('leaves out the namespaces of which the manifests have the workloads', () => {
    const made = fillObjects({
      services: [service('d', [{ port: 80 }])],
      workloads: [workload('d-v1', { app: 'd', version: 'v1' })],
      config: [
        config('VirtualService', {
          http: [{ route: [{ destination: { host: 'a.other' } }, { destination: { host: 'b' } }] }],
        }),
        config('DestinationRule', { host: 'd', subsets: [{ name: 'v9', labels: { version: 'v9' } }] }),
      ],
      namespaces: new Set(['default', 'other']),
      unfilled: new Set(['default']),
    });
    assert.deepEqual(titles(made).sort(), ['Deployment other/a', 'Service other/a']);
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
