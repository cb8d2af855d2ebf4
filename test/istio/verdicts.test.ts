import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Reply } from '../../src/reply/reply.ts';
import { type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

/** Service and Deployment of an app, as JSON, which is YAML too. */
function app(
  name: string,
  {
    port = { name: 'http', port: 8080 },
    labels = {},
    annotations = {},
    spec = {},
  }: {
    readonly port?: object;
    readonly labels?: object;
    readonly annotations?: object;
    readonly spec?: object;
  } = {},
): string {
  const template = {
    metadata: { labels: { app: name, ...labels }, annotations },
    spec: { ...spec, containers: [{ name: 'c', image: 'x', ports: [{ containerPort: 8080 }] }] },
  };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ports: [port] } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: { selector: { matchLabels: { app: name } }, template },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join('\n---\n');
}

function policy(name: string, rule: object): string {
  return JSON.stringify({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name },
    spec: { selector: { matchLabels: { app: name } }, rules: [rule] },
  });
}

const fromAccount = (principal: string): object => ({ from: [{ source: { principals: [principal] } }] });

const manifests = [
  app('seed'),
  // The name of the port says no protocol, so Istio detects it, through mTLS too.
  app('till', { port: { name: 'ui', port: 80, targetPort: 8080 } }),
  policy('till', { to: [{ operation: { methods: ['GET'], paths: ['/ok*'] } }] }),
  app('clerk', { spec: { serviceAccount: 'clerk' } }),
  '{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "clerk"}}',
  app('vault'),
  policy('vault', fromAccount('cluster.local/ns/default/sa/clerk')),
  app('entry'),
  policy('entry', fromAccount('cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account')),
  app('probe', { annotations: { 'traffic.sidecar.istio.io/excludeInboundPorts': '8080' } }),
  app('guarded'),
  app('host', { spec: { hostNetwork: true } }),
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

  test('a pod runs with the account of the older field serviceAccount', async () => {
    assert.equal(await statusFrom('clerk', '/@vault/x'), '200');
    assert.equal(await statusFrom('seed', '/@vault/x'), '403');
  });

  test("the ingress gateway has the account of istioctl's installation", async () => {
    assert.equal(await statusAt(80, '/entry'), 200);
    assert.equal(await statusFrom('seed', '/@entry/x'), '403');
  });

  test('annotations keep ports away from the sidecar', async () => {
    assert.equal(await statusFrom('outside', '/@probe/x'), '200');
    assert.equal(await statusFrom('outside', '/@guarded/x'), 'reset');
  });

  test('a pod with the network of its node has no sidecar', () => {
    const sidecars = mesh.started.pods.filter(({ service }) => ['host', 'seed'].includes(service));
    assert.deepEqual(Object.fromEntries(sidecars.map(({ service, hasSidecar }) => [service, hasSidecar])), {
      host: false,
      seed: true,
    });
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
