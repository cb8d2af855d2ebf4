import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Reply } from '../../src/reply/reply.ts';
import { type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

/** Service and Deployment of an app, as JSON, which is YAML too. */
function app(name: string, replicas = 1, { protocol = 'http', behaviour = '' } = {}): string {
  const labels = { app: name };
  const env = [{ name: 'MESHMOCK_BEHAVIOUR', value: behaviour }];
  const template = {
    metadata: { labels },
    spec: { containers: [{ name: 'c', image: 'meshmock', env, ports: [{ containerPort: 8080 }] }] },
  };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { selector: labels, ports: [{ name: protocol, port: 8080 }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: { replicas, selector: { matchLabels: labels }, template },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join('\n---\n');
}

function policy(name: string, namespace: string, spec: object): string {
  const metadata = { name, namespace };
  return JSON.stringify({ apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata, spec });
}

function custom(name: string, app: string, provider: string, path: string): string {
  const rules = [{ to: [{ operation: { paths: [path] } }] }];
  const selector = { matchLabels: { app } };
  return policy(name, 'default', { selector, action: 'CUSTOM', provider: { name: provider }, rules });
}

const source = (text: string, name = 'manifests') => ({ name, text });

/** Returns the one call that a service makes for a path. */
async function callFrom(
  mesh: LocalMeshFixture,
  service: string,
  path: string,
): Promise<NonNullable<Reply['calls']>[number] | undefined> {
  const response = await fetch(`http://${mesh.http(service)}${path}`);
  const { calls = [] } = (await response.json()) as Reply;
  return calls[0];
}

async function podAddress(mesh: LocalMeshFixture, name: string): Promise<string> {
  const { pods } = await mesh.host.objects(AbortSignal.timeout(10_000));
  return pods.find(({ metadata }) => metadata.labels?.app === name)?.status?.podIP ?? '';
}

const meshConfig = `
trustDomain: shop.test
rootNamespace: mesh-root
outboundTrafficPolicy: { mode: REGISTRY_ONLY }
pathNormalization: { normalization: DECODE_AND_MERGE_SLASHES }
defaultHttpRetryPolicy: { attempts: 2, retryOn: 5xx }
defaultProviders: { metrics: [prometheus] }
outboundTrafficPolcy: { mode: ALLOW_ANY }
extensionProviders:
- name: refuses
  envoyExtAuthzHttp: { service: door.default.svc.cluster.local, port: 8080, pathPrefix: /~status=403 }
- name: allows-over-grpc
  envoyExtAuthzGrpc: { service: gate.default.svc.cluster.local, port: 8080 }
- name: fails-over-grpc
  envoyExtAuthzGrpc: { service: wall.default.svc.cluster.local, port: 8080 }
- name: allows
  envoyExtAuthzHttp: { service: door.default.svc.cluster.local, port: 8080 }
`;

const ofConfiguredMesh = [
  app('client'),
  app('shop'),
  app('door'),
  app('gate', 1, { protocol: 'grpc' }),
  app('wall', 1, { protocol: 'grpc', behaviour: '/~grpc-status=UNAVAILABLE' }),
  '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mesh-root"}}',
  policy('no-admin', 'mesh-root', { action: 'DENY', rules: [{ to: [{ operation: { paths: ['/admin'] } }] }] }),
  custom('refused', 'shop', 'refuses', '/refused'),
  custom('asked', 'gate-shop', 'allows-over-grpc', '/asked'),
  custom('failed', 'wall-shop', 'fails-over-grpc', '/failed'),
  app('gate-shop'),
  app('wall-shop'),
  custom('unknown', 'door', 'none-such', '/unknown'),
  `apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: metrics}
spec: {metrics: [{providers: [{name: prometheus}]}]}`,
].join('\n---\n');

suite('a mesh with --mesh-config', () => {
  test('its settings have an effect', { timeout: 300_000 }, async (t) => {
    await using mesh = await startLocalMesh([source(ofConfiguredMesh)], {
      istio: { meshConfig: source(meshConfig, 'mesh.yaml') },
    });
    const statusOf = async (path: string) => (await callFrom(mesh, 'client', `/@shop${path}`))?.status;

    await t.test('a service calls another one', async () => assert.equal(await statusOf('/hello'), 200));

    await t.test('identities have the trust domain', async () => {
      const { reply } = (await callFrom(mesh, 'client', '/@shop/hello')) ?? {};
      assert.equal(reply?.mesh?.peerIdentity, 'spiffe://shop.test/ns/default/sa/default');
    });

    await t.test('REGISTRY_ONLY refuses calls to an address that no Service has', async () => {
      const address = await podAddress(mesh, 'shop');
      const call = await callFrom(mesh, 'client', `/@${address}:8080/hello`);
      assert.deepEqual([call?.status, call?.answeredBy], [502, 'proxy']);
    });

    await t.test('policies of the root namespace apply to normalized paths', async () => {
      assert.equal(await statusOf('/admin'), 403);
      assert.equal(await statusOf('//admin'), 403);
      assert.equal(await statusOf('/%2fadmin'), 403);
    });

    await t.test('an external authorizer in the mesh decides, and a warning says that it is a mock', async () => {
      const warning =
        'authorizationpolicy.security.istio.io/refused: its provider door.default.svc.cluster.local is a mock, which allows all requests unless it has a directive such as ~status=403';
      assert.ok(mesh.started.report.warnings.includes(warning), mesh.started.report.warnings.join('\n'));
      assert.equal(await statusOf('/refused'), 403);
      await mesh.apply(source(custom('refused', 'shop', 'allows', '/refused')));
      assert.equal(await statusOf('/refused'), 200);
    });

    await t.test('an external authorizer over gRPC allows, and refuses if its calls fail', async () => {
      const warning =
        'authorizationpolicy.security.istio.io/asked: its provider gate.default.svc.cluster.local is a mock, which allows all requests unless it has a directive such as ~grpc-status=UNAVAILABLE';
      assert.ok(mesh.started.report.warnings.includes(warning), mesh.started.report.warnings.join('\n'));
      assert.equal((await callFrom(mesh, 'client', '/@gate-shop/asked'))?.status, 200);
      assert.equal((await callFrom(mesh, 'client', '/@wall-shop/failed'))?.status, 403);
      assert.equal((await callFrom(mesh, 'client', '/@wall-shop/other'))?.status, 200);
    });

    await t.test('an unknown provider is reported, and refuses', async () => {
      const name = 'authorizationpolicy.security.istio.io/unknown';
      const text = `${name}: the mesh configuration has no provider none-such, so Istio refuses the requests`;
      assert.ok(mesh.started.report.warnings.includes(text), mesh.started.report.warnings.join('\n'));
      assert.equal((await callFrom(mesh, 'client', '/@door/unknown'))?.status, 403);
    });

    await t.test('the default of retries applies', async () =>
      assert.equal(await statusOf('/~status=503:attempt<2/hello'), 200),
    );

    await t.test('a field that istiod does not know is reported', () =>
      assert.ok(
        mesh.started.report.warnings.includes(
          'mesh configuration: istiod ignores outboundTrafficPolcy, a field that it does not know',
        ),
        mesh.started.report.warnings.join('\n'),
      ),
    );

    await t.test('the metrics of the local mesh are counted', async () => {
      const text = await (await fetch(mesh.metrics)).text();
      assert.match(text, /^istio_requests_total\{.*shop\.test/m);
    });
  });
});

const configMap = (mesh: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh },
  });

const operator = `apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  profile: minimal
  meshConfig: {trustDomain: operator.test, outboundTrafficPolicy: {mode: REGISTRY_ONLY}}`;

suite('a mesh with an IstioOperator among its manifests', () => {
  test('istiod reloads the ConfigMap of the mesh configuration', { timeout: 300_000 }, async (t) => {
    const retries = configMap('defaultHttpRetryPolicy: { attempts: 2, retryOn: 5xx }');
    await using mesh = await startLocalMesh(
      [source([app('client', 3), app('shop'), operator, retries].join('\n---\n'))],
      {
        istio: { values: source('global: { proxy: { logLevel: error } }', 'values.yaml') },
        maxReplicas: 2,
      },
    );
    const directCall = async () => callFrom(mesh, 'client', `/@${await podAddress(mesh, 'shop')}:8080/hello`);
    const retriedStatus = async () => (await callFrom(mesh, 'client', '/@shop/~status=503:attempt<2/hello'))?.status;

    await t.test('the IstioOperator and the ConfigMap are in effect at the start', async () => {
      assert.equal((await directCall())?.status, 502);
      assert.equal(await retriedStatus(), 200);
      const { reply } = (await callFrom(mesh, 'client', '/@shop/hello')) ?? {};
      assert.equal(reply?.mesh?.peerIdentity, 'spiffe://operator.test/ns/default/sa/default');
    });

    await t.test('the profile has no gateway', () =>
      assert.deepEqual(
        mesh.host.ports.filter(({ entry }) => entry.kind === 'gateway'),
        [],
      ),
    );

    await t.test('replicas above the maximum are reduced, and reported once', async () => {
      const { leftOut } = mesh.started.report;
      assert.ok(leftOut.includes('1 workload runs with fewer replicas than in the manifests: --max-replicas 2'));
      const { pods } = await mesh.host.objects(AbortSignal.timeout(10_000));
      assert.equal(pods.filter(({ metadata }) => metadata.labels?.app === 'client').length, 2);
    });

    await t.test('an applied ConfigMap is in effect at once', async () => {
      await mesh.apply(
        source(configMap('outboundTrafficPolicy: {mode: ALLOW_ANY}\ndefaultProviders: {metrics: [prometheus]}')),
      );
      assert.equal((await directCall())?.status, 200);
      assert.equal(await retriedStatus(), 503);
    });

    await t.test('a ConfigMap that istiod refuses changes nothing', async () => {
      await assert.rejects(mesh.apply(source(configMap('outboundTrafficPolicy: [x]'))), {
        code: 'usage',
        message: /^istiod refuses the mesh configuration: failed to convert to proto/,
      });
      assert.equal((await directCall())?.status, 200);
    });

    await t.test('without the ConfigMap, the mesh configuration is that of the start', async () => {
      const { leftOut } = await mesh.delete(source(configMap('')));
      assert.deepEqual(leftOut, ['configmap/istio: the mesh configuration is that of the start again']);
      assert.equal((await directCall())?.status, 502);
      assert.equal(await retriedStatus(), 503);
    });

    await t.test('a later IstioOperator is left out with a note', async () => {
      const { leftOut } = await mesh.apply(source(operator));
      assert.deepEqual(leftOut, [
        'istiooperator.install.istio.io/istio: it has an effect only at the start of a local mesh',
      ]);
    });
  });
});
