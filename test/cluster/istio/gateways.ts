/** Tests of the manifests in istio/cluster and istio/demo: traces, and gateways into the mesh. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { it } from 'node:test';
import type { Reply } from '../../../src/reply/reply.ts';
import { runProgram } from '../../program.ts';
import { root } from '../../repo/pages.ts';
import { eventually, type MockCluster } from '../mock-cluster.ts';

/** Files with gateways, and the Services that these create. */
const gateways = [
  { file: 'istio/demo/ingress.yaml', service: 'istio-ingressgateway', namespace: 'istio-system' },
  { file: 'istio/cluster/ingress-gateway-api.yaml', service: 'ingress-istio', namespace: 'default' },
];

/** @param mocks returns a cluster with meshes in the namespaces `mock` and `default`, and a Jaeger in `istio-system` */
export function clusterTests(mocks: () => MockCluster): void {
  it('Jaeger gets the whole trace of a cascade, with the spans of sidecars', async () => {
    const { cluster } = mocks();
    await using gateway = await cluster.portForward('service/gateway', 8080, 'mock');
    await using jaeger = await cluster.portForward('service/jaeger', 16686, 'istio-system');
    const { code, stdout, stderr } = await runProgram([
      'call',
      `${gateway.host}/@middle/@grpc:leaf/traced`,
      '--trace',
      `http://${jaeger.host}`,
      '--retry-until',
      '40s',
    ]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /sidecars of gateway\.mock, leaf\.mock, middle\.mock/);
  });

  it('sidecars log a line for each request', async () => {
    const logs = ['-n', 'mock', 'logs', '--selector', 'app=middle', '-c', 'istio-proxy', '--tail', '100'];
    await eventually(
      () => mocks().cluster.kubectl(...logs),
      (text) => text.includes('"GET /@grpc:leaf/traced HTTP/1.1" 200 '),
    );
  });

  for (const { file, service, namespace } of gateways)
    it(`the gateway of ${file} routes calls into the mesh`, async () => {
      const { cluster } = mocks();
      await cluster.kubectl('apply', '-f', file);
      await cluster.kubectl('-n', namespace, 'wait', '--for=create', `deployment/${service}`, '--timeout=240s');
      await cluster.kubectl('-n', namespace, 'rollout', 'status', `deployment/${service}`, '--timeout=240s');
      await using forward = await cluster.portForward(`service/${service}`, 80, namespace);
      const { calls } = await eventually(
        async () => (await (await fetch(`http://${forward.host}/@service1/hello`)).json()) as Reply,
        ({ service }) => service === 'gateway',
      );
      assert.equal(calls?.[0]?.reply?.service, 'service1');
      await cluster.kubectl('delete', '-f', file);
    });

  it('the schemas and istiod accept the manifests for ambient mode', async () => {
    const files = ['istio/cluster/namespace-ambient.yaml', ...globSync('istio/labs/ambient/*.yaml', { cwd: root })];
    for (const file of files) await mocks().cluster.kubectl('apply', '--dry-run=server', '-f', file);
  });
}
