/** Tests that Ingresses have the effect that they have in a cluster with Istio's ingress gateway. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import type { Reply } from '../../src/reply/reply.ts';
import { installTestTools } from '../tools/installed.ts';
import { type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';
import { workload } from './manifests.ts';

const classOf = (name: string, annotations: object = {}): string =>
  JSON.stringify({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name, annotations },
    spec: { controller: 'istio.io/ingress-controller' },
  });
const istioClass = classOf('istio');

interface IngressOptions {
  readonly className?: string;
  readonly annotations?: object;
  readonly tls?: object;
}

/** Ingress of a host with the paths of some services. */
function ingress(
  name: string,
  paths: Readonly<Record<string, { readonly service: string; readonly type?: string }>>,
  { className, annotations = {}, tls }: IngressOptions,
): string {
  const http = {
    paths: Object.entries(paths).map(([path, { service, type = 'Prefix' }]) => ({
      path,
      pathType: type,
      backend: { service: { name: service, port: { name: 'http' } } },
    })),
  };
  return JSON.stringify({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, annotations },
    spec: { ingressClassName: className, tls, rules: [{ host: `${name}.test`, http }] },
  });
}

const source = (...texts: readonly string[]) => ({ name: 'ingress.yaml', text: texts.join('\n---\n') });
const toShop = { '/': { service: 'shop' } };

/** Warning of the API server about the annotation of an Ingress. */
const deprecated = (name: string): string =>
  `ingress.networking.k8s.io/${name}: annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`;

suite('an Ingress', { timeout: 240_000 }, () => {
  let mesh: LocalMeshFixture;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'meshmock-ingress-'));
    mesh = await startLocalMesh([source(workload('shop'), workload('cart'))]);
  });
  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  /** Requests a path of a host at the ingress gateway. Returns the service that answers, or the status. */
  async function answerFor(host: string, path: string, port: 80 | 443 = 80): Promise<string | number> {
    const [hostname, ownPort] = mesh.gateway(port).split(':');
    const options = { hostname, port: ownPort, path, headers: { host } };
    const { promise, resolve, reject } = Promise.withResolvers<string | number>();
    const request =
      port === 80
        ? requestHttp(options)
        : requestHttps({ ...options, servername: host, ca: readFileSync(`${folder}/cert.pem`) });
    request.on('error', reject).on('response', (response) => {
      const { statusCode = 0 } = response;
      text(response).then(
        (body) => resolve(statusCode === 200 ? (JSON.parse(body) as Reply).service : statusCode),
        reject,
      );
    });
    request.end();
    return promise;
  }

  test('starts the gateway, and leads each host and path to its service', async () => {
    assert.ok(!mesh.started.pods.some(({ role }) => role === 'gateway'));
    const paths = {
      '/': { service: 'shop' },
      '/cart': { service: 'cart' },
      '/exact': { service: 'cart', type: 'Exact' },
    };
    const { warnings } = await mesh.apply(source(istioClass, ingress('a', paths, { className: 'istio' })));
    assert.deepEqual(warnings, []);
    assert.equal(await answerFor('a.test', '/hello'), 'shop');
    assert.equal(await answerFor('a.test', '/cart/one'), 'cart');
    assert.equal(await answerFor('a.test', '/cartoon'), 'shop');
    assert.equal(await answerFor('a.test', '/exact'), 'cart');
    assert.equal(await answerFor('a.test', '/exact/one'), 'shop');
    assert.equal(await answerFor('other.test', '/hello'), 404);
  });

  test('gets its change into effect, and ends with its deletion', async () => {
    const options = { className: 'istio' };
    await mesh.apply(source(ingress('b', toShop, options)));
    assert.equal(await answerFor('b.test', '/x'), 'shop');
    await mesh.apply(source(ingress('b', { '/': { service: 'cart' } }, options)));
    assert.equal(await answerFor('b.test', '/x'), 'cart');
    await mesh.delete(source(ingress('b', toShop, options)));
    assert.equal(await answerFor('b.test', '/x'), 404);
    assert.equal(await answerFor('a.test', '/x'), 'shop');
  });

  test('without a class has the default class, if it is created after it', async () => {
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
    const own = ingress('c', toShop, {});
    const { warnings } = await mesh.apply(source(own));
    assert.deepEqual(warnings, [
      'ingress.networking.k8s.io/c: it names no class and there is no default one, so Istio does not serve it: set ingressClassName',
    ]);
    assert.equal(await answerFor('c.test', '/x'), 404);
    await mesh.delete(source(own));
    // The class comes first, wherever it is.
    assert.deepEqual((await mesh.apply(source(own, classOf('usual', annotations)))).warnings, []);
    assert.equal(await answerFor('c.test', '/x'), 'shop');
    await mesh.delete(source(classOf('usual')));
  });

  test('with the older annotation is served without a class, and one for another controller is not', async () => {
    const annotated = (name: string) => ({ annotations: { 'kubernetes.io/ingress.class': name } });
    assert.deepEqual((await mesh.apply(source(ingress('d', toShop, annotated('istio'))))).warnings, [deprecated('d')]);
    assert.equal(await answerFor('d.test', '/x'), 'shop');
    const { warnings } = await mesh.apply(source(ingress('e', toShop, annotated('nginx'))));
    assert.deepEqual(warnings, [
      deprecated('e'),
      'ingress.networking.k8s.io/e: the local mesh has no controller for the class nginx: no request enters here',
    ]);
    assert.equal(await answerFor('e.test', '/x'), 404);
  });

  test('of a class without an IngressClass is not served, although its name is istio', async () => {
    await mesh.delete(source(istioClass));
    const { warnings } = await mesh.apply(source(ingress('f', toShop, { className: 'istio' })));
    assert.match(
      warnings.join(),
      /^ingress\.networking\.k8s\.io\/f: no IngressClass is named istio, so Istio does not/,
    );
    assert.equal(await answerFor('f.test', '/x'), 404);
    assert.equal(await answerFor('a.test', '/x'), 404);
    await mesh.apply(source(istioClass));
    assert.equal(await answerFor('f.test', '/x'), 'shop');
  });

  test('follows the class of the mesh configuration', async () => {
    const configMap = (mesh: string) =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'istio', namespace: 'istio-system' },
        data: { mesh },
      });
    const own = ingress('g', toShop, { annotations: { 'kubernetes.io/ingress.class': 'own' } });
    assert.deepEqual((await mesh.apply(source(own, configMap('ingressClass: own')))).warnings, [deprecated('g')]);
    assert.equal(await answerFor('g.test', '/x'), 'shop');
    await mesh.delete(source(configMap('')));
    assert.equal(await answerFor('g.test', '/x'), 404);
  });

  test('with a certificate of the namespace of the gateway is served with TLS', async () => {
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(folder, name)) as [string, string];
    const subject = ['-subj', '/CN=h.test', '-addext', 'subjectAltName=DNS:h.test', '-days', '1'];
    const files = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', ...files, ...subject], { stdio: 'ignore' });
    const secret = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name: 'own', namespace: 'istio-system' },
      stringData: { 'tls.key': readFileSync(key, 'utf8'), 'tls.crt': readFileSync(cert, 'utf8') },
    });
    const tls = [{ hosts: ['h.test'], secretName: 'own' }];
    await mesh.apply(source(secret, ingress('h', toShop, { className: 'istio', tls })));
    assert.equal(await answerFor('h.test', '/x', 443), 'shop');
  });
});

test('an Ingress that kubectl applies starts the gateway too', { timeout: 240_000 }, async () => {
  await using mesh = await startLocalMesh([source(workload('shop'), istioClass)]);
  const { kubectl } = await installTestTools(['kubectl']);
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-ingress-'));
  try {
    const kubeconfig = path.join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, await mesh.host.kubeconfig(AbortSignal.timeout(5000)), { mode: 0o600 });
    const run = (args: readonly string[], input = '') =>
      execFileSync(path.join(kubectl, 'bin/kubectl'), ['--kubeconfig', kubeconfig, ...args], { input });
    run(['apply', '-f', '-'], ingress('a', toShop, { className: 'istio' }));
    const gateway = ['-n', 'istio-system', 'deployment/istio-ingressgateway'];
    run(['wait', '--for=jsonpath={.status.readyReplicas}=1', '--timeout=60s', ...gateway]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
