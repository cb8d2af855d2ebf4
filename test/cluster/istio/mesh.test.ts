/** Tests of the manifests with a real istiod in the cluster, whose webhook adds a sidecar to each pod. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Reply } from '../../../src/reply/reply.ts';
import { runProgram } from '../../program.ts';
import { eventually, MockCluster } from '../mock-cluster.ts';
import { assertNoneLost, showResults, updateUnderLoad } from '../rolling-update.ts';
import { clusterTests } from './gateways.ts';
import { installIstio, istioImages } from './istio.ts';
import { labTests } from './labs.ts';
import { commandsOf, runCommands } from './pages.ts';

const signal = AbortSignal.timeout(800_000);

const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default }
spec: { mtls: { mode: STRICT } }
`;

const retries = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: middle }
spec:
  hosts: [middle]
  http: [{ route: [{ destination: { host: middle } }], retries: { attempts: 3, retryOn: 5xx, backoff: 25ms } }]
`;

describe('on a real Kubernetes with a real istiod', () => {
  let mocks: MockCluster;
  before(async () => {
    mocks = await MockCluster.start(signal, await istioImages(signal));
    await installIstio(mocks.cluster, signal);
    // The init container that prepares a pod's network needs more than Pod Security "restricted" allows.
    await mocks.cluster.kubectl('apply', '-f', 'istio/cluster/namespace-sidecar.yaml');
    await mocks.cluster.apply(strict, '-n', 'mock');
    await runCommands(mocks.cluster, commandsOf('istio/README.md', 'In a cluster', 'apply'));
    const printed = await runProgram([
      'manifests',
      '/@middle,leaf/x',
      '--replicas',
      'middle=2',
      '--versions',
      'leaf=v1,v2',
      '--istio',
      '--spans-to',
      'http://jaeger-collector.istio-system:4318',
    ]);
    assert.equal(printed.code, 0, printed.stderr);
    await mocks.cluster.apply(printed.stdout, '-n', 'mock');
    // The labs' mesh, in the namespace default.
    await runCommands(mocks.cluster, commandsOf('istio/README.md', 'Two ways to a mesh'));
    await mocks.ready('mock');
  });
  after(() => mocks?.[Symbol.asyncDispose]());

  const call = async (uri: string): Promise<Reply> => {
    await using forward = await mocks.cluster.portForward('service/gateway', 8080, 'mock');
    const response = await eventually(
      () => fetch(`http://${forward.host}${uri}`),
      ({ status }) => status === 200,
    );
    return (await response.json()) as Reply;
  };

  it('every pod has a sidecar, is ready by its probes under STRICT mTLS, and reports the identity of its caller', async (t) => {
    t.diagnostic(`the cluster: ${mocks.steps}`);
    const pods = await mocks.cluster.kubectl(
      '-n',
      'mock',
      'get',
      'pods',
      '-o',
      'jsonpath={range .items[*]}{.spec.initContainers[*].name}{"\\n"}{end}',
    );
    assert.deepEqual(
      new Set(
        pods
          .trim()
          .split('\n')
          .map((names) => names.includes('istio-proxy')),
      ),
      new Set([true]),
    );
    const { calls = [] } = await call('/@middle,grpc:leaf/x');
    for (const { target, reply } of calls) {
      assert.equal(reply?.mesh?.peerIdentity, 'spiffe://cluster.local/ns/mock/sa/gateway', target);
      assert.match(String(reply?.mesh?.ownIdentity), /^spiffe:\/\/cluster\.local\/ns\/mock\/sa\/(middle|leaf)$/);
    }
    assert.equal(calls.length, 2);
  });

  it('a client without a certificate is refused', async () => {
    const code = "fetch('http://middle.mock:8080/x').catch(({ cause }) => console.log(cause.code))";
    assert.equal(await mocks.cluster.run([process.execPath, '-e', code]), 'ECONNRESET\n');
  });

  it('a reply reports which attempt of the sidecar was answered', async () => {
    await mocks.cluster.apply(retries, '-n', 'mock');
    const { calls } = await eventually(
      () => call('/@middle/~status=503:attempt<3/x'),
      ({ calls }) => calls?.[0]?.reply?.mesh?.attempt === 3,
    );
    assert.equal(calls?.[0]?.status, 200);
    await mocks.cluster.kubectl('-n', 'mock', 'delete', 'virtualservice', 'middle');
  });

  it('the printed routes send all calls to v1, until their weights are changed', async () => {
    const { calls } = await call('/@leaf*20/x');
    assert.deepEqual(calls?.[0]?.summary?.byVersion, { v1: 20 });
    const patch = [
      { op: 'replace', path: '/spec/http/0/route/0/weight', value: 0 },
      { op: 'replace', path: '/spec/http/0/route/1/weight', value: 100 },
    ];
    await mocks.cluster.kubectl(
      '-n',
      'mock',
      'patch',
      'virtualservice',
      'leaf',
      '--type=json',
      '--patch',
      JSON.stringify(patch),
    );
    await eventually(
      async () => (await call('/@leaf*20/x')).calls?.[0]?.summary?.byVersion,
      (byVersion) => byVersion?.v2 === 20,
    );
  });

  it('no request is lost in a rolling update through sidecars', async (t) => {
    const [client] = (
      await mocks.cluster.kubectl('-n', 'mock', 'get', 'pod', '--selector', 'app=gateway', '-o', 'name')
    ).split('\n');
    const pid = await mocks.processOf('mock', String(client));
    const results = await updateUnderLoad(mocks, 'mock', ['nsenter', `--net=/proc/${pid}/ns/net`]);
    showResults(t, results);
    assertNoneLost(results, 3);
  });

  describe('with istio/cluster applied', () => clusterTests(() => mocks));

  describe('the labs, by --entry', () => labTests(() => mocks));
});
