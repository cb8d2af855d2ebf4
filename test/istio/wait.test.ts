/** Tests of `meshmock istio wait`: the effect of what kubectl has done. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import type { ManifestSource } from '../../src/istio/resources/manifest.ts';
import { root } from '../repo/pages.ts';
import { installTestTools } from '../tools/installed.ts';
import { demoWorkloads, type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';
import { routeTo, virtualService } from './manifests.ts';

const run = promisify(execFile);
const never = new AbortController().signal;
const rounds = 5;

suite('a wait after kubectl', () => {
  let mesh: LocalMeshFixture;
  let folder: string;
  let program: string;
  before(async () => {
    program = path.join((await installTestTools(['kubectl'])).kubectl, 'bin/kubectl');
    mesh = await startLocalMesh([demoWorkloads, ingressClass], { fill: true });
    folder = mkdtempSync(path.join(tmpdir(), 'wait-'));
    writeFileSync(path.join(folder, 'kubeconfig'), await mesh.host.kubeconfig(never), { mode: 0o600 });
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const kubectl = async (...args: readonly string[]): Promise<void> => {
    await run(program, ['--kubeconfig', path.join(folder, 'kubeconfig'), ...args], { cwd: root });
  };
  const gatewayStatus = async (uri: string): Promise<number> =>
    (await fetch(`http://${mesh.gateway(80)}${uri}`)).status;
  const tree = async (plan: string): Promise<string> => {
    const response = await fetch(`http://${mesh.http('gateway')}${plan}`, { headers: { accept: 'text/plain' } });
    return response.text();
  };

  test('returns when policies and routes are in effect, and when they are not any more', async () => {
    const files = ['-f', 'istio/labs/authorization/deny.yaml', '-f', 'istio/labs/request-routing/by-end-user.yaml'];
    for (let round = 0; round < rounds; round++) {
      await kubectl('apply', ...files);
      await mesh.host.inEffect(never);
      const changed = await tree('/@service4(/admin/x),service2*20[end-user=jason](/x)');
      assert.match(changed, /rbac_denied/, `round ${round}`);
      assert.match(changed, /· v2 ×20 ·/, `round ${round}`);
      await kubectl('delete', ...files);
      await mesh.host.inEffect(never);
      const restored = await tree('/@service4(/admin/x),service2*20[end-user=jason](/x)');
      assert.doesNotMatch(restored, /rbac_denied|v2 ×20 /, `round ${round}`);
    }
  });

  test('returns when a part of the mesh configuration is in effect, and after its deletion', async () => {
    const lab = 'istio/labs/external-authorization';
    const files = ['authorizer', 'provider', 'custom'].flatMap((name) => ['-f', `${lab}/${name}.yaml`]);
    for (let round = 0; round < rounds; round++) {
      await kubectl('apply', ...files);
      await mesh.host.inEffect(never);
      assert.match(await tree('/@service4/~status=403/x'), /→ authorizer v1 .* 403 /, `round ${round}`);
      await kubectl('delete', ...files);
      await mesh.host.inEffect(never);
      assert.doesNotMatch(await tree('/@service4/~status=403/x'), /authorizer/, `round ${round}`);
    }
  });

  test('returns when a scaled workload has its pods', async () => {
    await kubectl('scale', 'deployment', 'service4-v1', '--replicas', '0');
    await mesh.host.inEffect(never);
    assert.match(await tree('/@service4*5/x'), /503 ×5/);
    await kubectl('scale', 'deployment', 'service4-v1', '--replicas', '1');
    await mesh.host.inEffect(never);
    assert.match(await tree('/@service4*5/x'), /200 ×5/);
  });

  test('names the objects that istiod ignores', async () => {
    const file = path.join(folder, 'other.yaml');
    writeFileSync(file, virtualService(routeTo('gateway'), 'gateway'));
    await kubectl('apply', '-f', file);
    await kubectl('label', '-f', file, 'istio.io/rev=other');
    const { warnings } = await mesh.host.inEffect(never);
    assert.match(warnings.join('\n'), /istiod ignores virtualservice\.networking\.istio\.io\/\S+: .*another revision/);
    await kubectl('delete', '-f', file);
  });

  test('returns when the gateway of a Gateway and of an Ingress answers', async () => {
    const ingress = path.join(folder, 'ingress.yaml');
    writeFileSync(ingress, ingressTo('gateway', '/other'));
    await kubectl('apply', '-f', 'istio/demo/ingress.yaml');
    await mesh.host.inEffect(never);
    assert.equal(await gatewayStatus('/hello'), 200);
    await kubectl('delete', '-f', 'istio/demo/ingress.yaml');
    await kubectl('apply', '-f', ingress);
    await mesh.host.inEffect(never);
    assert.deepEqual([await gatewayStatus('/hello'), await gatewayStatus('/other/x')], [404, 200]);
    await kubectl('delete', '-f', ingress);
    await mesh.host.inEffect(never);
    // No server of a Gateway has the port any more.
    await assert.rejects(gatewayStatus('/other/x'));
  });

  test('keeps the Service of a gateway that the mesh has added', async () => {
    const file = path.join(folder, 'egress.yaml');
    writeFileSync(file, egressGateway);
    const isAdded = async (): Promise<boolean> => {
      const { services } = await mesh.host.objects(never);
      return services.some(({ metadata }) => metadata.name === 'istio-egressgateway');
    };
    await kubectl('apply', '-f', file);
    await mesh.host.inEffect(never);
    assert.ok(await isAdded(), 'after the change that needs it');
    await kubectl('apply', '-f', 'istio/labs/authorization/deny.yaml');
    await mesh.host.inEffect(never);
    assert.ok(await isAdded(), 'after another change');
    await kubectl('delete', '-f', file, '-f', 'istio/labs/authorization/deny.yaml');
    await mesh.host.inEffect(never);
    assert.ok(!(await isAdded()), 'after its Gateway');
  });

  test('returns when the mocks of --fill run that a change needs', async () => {
    const file = path.join(folder, 'filled.yaml');
    writeFileSync(file, virtualService(routeTo('filled'), 'filled'));
    await kubectl('apply', '-f', file);
    await mesh.host.inEffect(never);
    assert.match(await tree('/@filled/x'), /^└─ filled v1 .* 200 /m);
    await kubectl('delete', '-f', file);
  });
});

const egressGateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: egress }
spec:
  selector: { istio: egressgateway }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }]
`;

const ingressClass: ManifestSource = {
  name: 'class.yaml',
  text: `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: istio }
spec: { controller: istio.io/ingress-controller }
`,
};

/** Returns an Ingress that sends the requests of a path prefix to a service. */
function ingressTo(service: string, prefix: string): string {
  const backend = `{ service: { name: ${service}, port: { number: 8080 } } }`;
  return `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: other }
spec: { ingressClassName: istio, rules: [{ http: { paths: [{ path: ${prefix}, pathType: Prefix, backend: ${backend} }] } }] }
`;
}
