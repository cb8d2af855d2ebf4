import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply } from '../../src/reply/reply.ts';
import { type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

interface AppOptions {
  readonly namespace?: string;
  readonly port?: object;
  readonly labels?: object;
  readonly annotations?: object;
  readonly spec?: object;
}

/** Deployment of an app, as JSON, which is YAML too. */
function deployment(name: string, { namespace, labels = {}, annotations = {}, spec = {} }: AppOptions = {}): string {
  const containers = [{ name: 'c', image: 'x', ports: [{ containerPort: 8080 }] }];
  const template = { metadata: { labels: { app: name, ...labels }, annotations }, spec: { containers, ...spec } };
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: { selector: { matchLabels: { app: name } }, template },
  });
}

function service(name: string, spec: object, namespace?: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec });
}

/** Service and Deployment of an app. */
function app(name: string, options: AppOptions = {}): string {
  const { port = { name: 'http', port: 8080 }, namespace } = options;
  return `${service(name, { selector: { app: name }, ports: [port] }, namespace)}\n---\n${deployment(name, options)}`;
}

function account(name: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } });
}

function policy(name: string, rule: object): string {
  return JSON.stringify({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name },
    spec: { selector: { matchLabels: { app: name } }, rules: [rule] },
  });
}

/** Annotation with which istiod injects what gRPC without a proxy needs. */
const proxyless = (template: string): object => ({ annotations: { 'inject.istio.io/templates': template } });

const fromAccount = (principal: string): object => ({ from: [{ source: { principals: [principal] } }] });

const manifests = [
  app('seed'),
  // The name of the port says no protocol, so Istio detects it, through mTLS too.
  app('till', { port: { name: 'ui', port: 80, targetPort: 8080 } }),
  policy('till', { to: [{ operation: { methods: ['GET'], paths: ['/ok*'] } }] }),
  app('shop', { port: { name: 'http', port: 80, targetPort: 8080 } }),
  `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  action: DENY
  rules: [{to: [{operation: {hosts: [shop]}}]}]`,
  app('clerk', { spec: { serviceAccount: 'clerk' } }),
  account('clerk'),
  // It only calls, so it has no Service.
  deployment('worker', { spec: { serviceAccountName: 'worker' } }),
  account('worker'),
  app('desk'),
  policy('desk', fromAccount('*/sa/worker')),
  app('vault'),
  policy('vault', fromAccount('cluster.local/ns/default/sa/clerk')),
  app('entry'),
  policy('entry', fromAccount('cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account')),
  app('probe', { annotations: { 'traffic.sidecar.istio.io/excludeInboundPorts': '8080' } }),
  app('guarded'),
  app('host', { spec: { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' } }),
  // Kubernetes gives it the name server of its node, because it has no other dnsPolicy.
  app('bare', { spec: { hostNetwork: true } }),
  // A namespace with istio-injection, as `default` is, would ignore the revision.
  deployment('canary', { namespace: 'canary', labels: { 'istio.io/rev': 'canary' } }),
  app('agent', proxyless('grpc-agent')),
  app('simple', proxyless('grpc-simple')),
  app('pair', {
    port: { name: 'http-b', port: 8081 },
    spec: {
      containers: [
        { name: 'a', image: 'x', ports: [{ containerPort: 8080 }] },
        { name: 'b', image: 'x', ports: [{ containerPort: 8081 }] },
      ],
    },
  }),
  service('alias', { type: 'ExternalName', externalName: 'seed.default.svc.cluster.local' }),
  app('capture', {
    annotations: {
      'proxy.istio.io/config': 'holdApplicationUntilProxyStarts: true\nproxyMetadata: {ISTIO_META_DNS_CAPTURE: "true"}',
    },
  }),
  `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: set}
spec:
  serviceName: set
  replicas: 2
  selector: {matchLabels: {app: set}}
  template:
    metadata: {labels: {app: set}}
    spec: {containers: [{name: c, image: x}]}`,
  service('set', { clusterIP: 'None', selector: { app: 'set' }, ports: [{ name: 'http', port: 8080 }] }),
  app('outside', { labels: { 'sidecar.istio.io/inject': 'false' } }),
  `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}`,
  `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]`,
  `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front}
spec:
  hosts: ["*"]
  gateways: [front]
  http:
    - match: [{uri: {prefix: /entry}}]
      route: [{destination: {host: entry, port: {number: 8080}}}]
    - route: [{destination: {host: till, port: {number: 80}}}]`,
  `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: door}
spec:
  gatewayClassName: istio
  listeners:
    - {name: public, port: 80, protocol: HTTP}
    - {name: admin, port: 8080, protocol: HTTP}`,
  ...[
    ['public', '/shop'],
    ['admin', '/admin'],
  ].map(
    ([listener, prefix]) => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${listener}}
spec:
  parentRefs: [{name: door, sectionName: ${listener}}]
  rules: [{matches: [{path: {value: ${prefix}}}], backendRefs: [{name: seed, port: 8080}]}]`,
  ),
].join('\n---\n');

suite('verdicts of the local mesh equal those of a cluster', () => {
  let mesh: LocalMeshFixture;
  before(async () => {
    mesh = await startLocalMesh([{ name: 'verdicts', text: manifests }]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  /** Returns the status of the one call of a plan, or the code of its error. */
  const statusFrom = async (service: string, path: string): Promise<string> => {
    const response = await fetch(`http://${mesh.http(service)}${path}`);
    const [call] = ((await response.json()) as Reply).calls ?? [];
    return String(call?.status ?? call?.error?.code);
  };
  const statusAt = async (port: number, path: string, gateway?: string): Promise<number> =>
    (await fetch(`http://${mesh.gateway(port, gateway)}${path}`)).status;

  test('a policy about HTTP holds at a port whose name says no protocol, for a sidecar and a gateway', async () => {
    assert.equal(await statusFrom('seed', '/@till:80/ok'), '200');
    assert.equal(await statusFrom('seed', '/@till:80/no'), '403');
    // The policy sees the method of a gRPC call: with plain TCP it would be a reset, 503.
    assert.equal(await statusFrom('seed', '/@grpc:till:80/x'), '403');
    assert.equal(await statusAt(80, '/ok'), 200);
    assert.equal(await statusAt(80, '/no'), 403);
  });

  test('a policy by host sees the host that other clients send', async () => {
    for (const [target, status] of [
      ['shop', '403'],
      ['shop:80', '403'],
      ['shop.default.svc.cluster.local', '200'],
      ['shop[host=shop:80]', '200'],
    ] as const)
      assert.equal(await statusFrom('seed', `/@${target}/x`), status, target);
  });

  test('a pod runs with the account of the older field serviceAccount', async () => {
    assert.equal(await statusFrom('clerk', '/@vault/x'), '200');
    assert.equal(await statusFrom('seed', '/@vault/x'), '403');
  });

  test("the ingress gateway has the account of istioctl's installation", async () => {
    assert.equal(await statusAt(80, '/entry'), 200);
    assert.equal(await statusFrom('seed', '/@entry/x'), '403');
  });

  test('a gateway sends a request over HTTP/2 as HTTP/1.1 to a port named http', async () => {
    const session = connect(`http://${mesh.gateway(80)}`);
    const stream = session.request({ ':path': '/entry' });
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    session.destroy();
    assert.equal(headers[':status'], 200);
  });

  test('annotations keep ports away from the sidecar', async () => {
    assert.equal(await statusFrom('outside', '/@probe/x'), '200');
    assert.equal(await statusFrom('outside', '/@guarded/x'), 'reset');
  });

  test('a workload without a Service calls with its account', async () => {
    assert.equal(await statusFrom('worker', '/@desk/x'), '200');
    assert.equal(await statusFrom('seed', '/@desk/x'), '403');
  });

  test('a pod with the network of its node, or of another revision, has no sidecar', async () => {
    const names = ['host', 'canary', 'seed'];
    const sidecars = mesh.started.pods.filter((pod) => names.includes(pod.service));
    assert.deepEqual(Object.fromEntries(sidecars.map((pod) => [pod.service, pod.hasSidecar])), {
      host: false,
      canary: false,
      seed: true,
    });
    assert.equal(await statusFrom('host', '/@guarded/x'), 'reset');
    assert.ok(
      mesh.started.report.warnings.some((line) => /^deployment\.apps\/canary: .* revision canary/.test(line)),
      'a warning about the revision',
    );
  });

  test('a pod with the network of its node finds no Service, unless its dnsPolicy is the one for it', async () => {
    for (const name of ['guarded', 'guarded.default.svc.cluster.local'])
      assert.equal(await statusFrom('bare', `/@${name}/x`), 'dns', name);
    assert.ok(
      mesh.started.report.warnings.includes(
        'deployment.apps/bare: pods with hostNetwork use the name server of their node, so they do not find Services: set dnsPolicy: ClusterFirstWithHostNet',
      ),
    );
  });

  test('a pod for gRPC without a proxy has a mock, and a warning says what differs from a cluster', async () => {
    for (const name of ['agent', 'simple']) {
      const { hasSidecar } = mesh.started.pods.find((pod) => pod.service === name) ?? {};
      assert.equal(hasSidecar, false, name);
      assert.equal(await statusFrom('seed', `/@${name}/x`), '200', name);
      assert.ok(
        mesh.started.report.warnings.includes(
          `deployment.apps/${name}: in a cluster, gRPC in its pods applies Istio's routes, policies and mTLS without a proxy; mocks cannot, so its pods apply none of these here`,
        ),
        name,
      );
    }
  });

  test('names of ExternalNames and of the pods of a StatefulSet lead to their pods, also if a proxy answers for DNS', async () => {
    for (const caller of ['seed', 'capture']) {
      assert.equal(await statusFrom(caller, '/@alias:8080/x'), '200', caller);
      assert.equal(await statusFrom(caller, '/@set-1.set:8080/x'), '200', caller);
    }
  });

  test('one mock answers at the ports of all containers', async () => {
    assert.equal(await statusFrom('seed', '/@pair:8081/x'), '200');
  });

  test('the pods of a Job succeed at once, and the report says so', async () => {
    const { leftOut } = await mesh.apply({
      name: 'job.yaml',
      text: `apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec: {template: {metadata: {labels: {app: migrate}}, spec: {restartPolicy: Never, containers: [{name: c, image: x}]}}}`,
    });
    assert.deepEqual(leftOut, ['job.batch/migrate: its programs do not run: each of its pods succeeds at once']);
    const phases = async (): Promise<unknown[]> => {
      const { pods } = await mesh.host.objects(AbortSignal.timeout(30_000));
      return pods.filter(({ metadata }) => metadata.labels?.app === 'migrate').map(({ status }) => status?.phase);
    };
    const endMs = performance.now() + 60_000;
    while ((await phases()).join() !== 'Succeeded' && performance.now() < endMs) await sleep(50);
    assert.deepEqual(await phases(), ['Succeeded']);
  });

  test('a warning names each address at which nothing in the local mesh answers', async () => {
    const { warnings } = await mesh.apply({
      name: 'outside.yaml',
      text: `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: database}
spec:
  hosts: [database.test]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 192.0.2.1}]`,
    });
    assert.deepEqual(warnings, [
      'serviceentry.networking.istio.io/database: nothing in the local mesh answers at 192.0.2.1, so calls to it fail',
    ]);
  });

  test('an object that a rule of its CRD accepts only with its defaults is accepted', async () => {
    const { objects } = await mesh.apply({
      name: 'addresses',
      text: `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: addresses}
spec:
  gatewayClassName: istio
  addresses: [{value: 10.1.2.3}]
  listeners: [{name: http, port: 80, protocol: HTTP}]`,
    });
    assert.deepEqual(
      objects.map(({ change }) => change),
      ['created'],
    );
  });

  test('a Pod without containers is refused with its place', async () => {
    const pod = { name: 'pod.yaml', text: 'apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: p}}\n' };
    await assert.rejects(
      mesh.apply(pod),
      /^MeshmockError: pod\.yaml:\d+:\d+: pod\/p: .*spec\.containers: Required value$/,
    );
  });

  test('each listener of a Gateway is reachable, although 80 and 8080 are near each other', async () => {
    assert.equal(await statusAt(80, '/shop', 'door-istio'), 200);
    assert.equal(await statusAt(8080, '/admin', 'door-istio'), 200);
    assert.equal(await statusAt(80, '/admin', 'door-istio'), 404);
    assert.equal(await statusAt(8080, '/shop', 'door-istio'), 404);
  });
});

test('--fill adds no mock to a Service that selects the ingress gateway', async () => {
  const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: v1
kind: Service
metadata: {name: public, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, ports: [{name: http2, port: 80, targetPort: 8080}]}`;
  await using mesh = await startLocalMesh([{ name: 'fill', text: gateway }], { fill: true });
  assert.deepEqual(
    mesh.started.pods.map(({ role }) => role),
    ['gateway'],
  );
});

test('pods of a cluster with the CNI plugin run in restricted namespaces, and those of namespaces without a label have no sidecar', async () => {
  const injectorValues = {
    pilot: { cni: { enabled: true } },
    global: { proxy: { seccompProfile: { type: 'RuntimeDefault' } } },
  };
  const restricted = {
    securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'c',
        image: 'x',
        ports: [{ containerPort: 8080 }],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  };
  const namespace = (name: string, labels: object): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  const text = [
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'istio-sidecar-injector',
        namespace: 'istio-system',
        labels: { 'operator.istio.io/component': 'Pilot' },
      },
      data: { values: JSON.stringify(injectorValues) },
    }),
    namespace('safe', { 'istio-injection': 'enabled', 'pod-security.kubernetes.io/enforce': 'restricted' }),
    namespace('plain', {}),
    app('caller', { namespace: 'safe', spec: restricted }),
    app('callee', { namespace: 'safe', spec: restricted }),
    app('legacy', { namespace: 'plain' }),
    deployment('tool', { namespace: 'istio-system' }),
  ].join('\n---\n');
  await using mesh = await startLocalMesh([{ name: 'cni', text }]);
  const sidecars = mesh.started.pods.map(({ service: name, hasSidecar }) => [name, hasSidecar]);
  assert.deepEqual(Object.fromEntries(sidecars), { caller: true, callee: true, legacy: false, tool: false });
  const response = await fetch(`http://${mesh.http('caller.safe')}/@callee|legacy.plain/x`);
  const [callee, legacy] = ((await response.json()) as Reply).calls ?? [];
  assert.equal(callee?.reply?.mesh?.peerIdentity, 'spiffe://cluster.local/ns/safe/sa/default');
  assert.deepEqual([legacy?.status, legacy?.reply?.mesh?.peerIdentity], [200, undefined]);
  assert.ok(mesh.started.report.leftOut.some((line) => /^namespace\/plain: no sidecars, /.test(line)));
});
