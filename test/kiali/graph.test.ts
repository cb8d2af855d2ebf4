/** Tests that Kiali shows what a mesh does: its graph with rates, protocols, mTLS, versions and errors. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { demoWorkloads, type LocalMeshFixture, startLocalMesh } from '../istio/local-mesh.ts';
import { type Graph, type GraphEdge, type GraphNode, type Kiali, startKiali } from './kiali.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';
import { type RepeatedCall, type SentTraffic, sendTraffic } from './traffic.ts';

const ingress = path.join(import.meta.dirname, '../../istio/demo/ingress.yaml');

const calls: readonly RepeatedCall[] = [
  { from: 'ingress', path: '/@service1/@service2/kiali' },
  { from: 'service1', path: '/@grpc:service3/@grpc:service4/kiali' },
  { from: 'service2', path: '/@service3/~status=503:version=v2/kiali' },
];

/** Edges of the demo under these calls. Those to a Service lead on to each of its versions. */
const expectedEdges = [
  'app gateway v1 -> service service1 http',
  'app istio-ingressgateway latest -> service gateway http',
  'app service1 v1 -> service service2 http',
  'app service1 v1 -> service service3 grpc',
  'app service2 v1 -> service service3 http',
  'app service3 v1 -> service service4 grpc',
  'app service3 v2 -> service service4 grpc',
  'service gateway -> app gateway v1 http',
  'service service1 -> app service1 v1 http',
  'service service2 -> app service2 v1 http',
  'service service2 -> app service2 v2 http',
  'service service3 -> app service3 v1 grpc',
  'service service3 -> app service3 v1 http',
  'service service3 -> app service3 v2 grpc',
  'service service3 -> app service3 v2 http',
  'service service4 -> app service4 v1 grpc',
];

const graphSeconds = 10;

suite("Kiali's view of a mesh", { timeout: 300_000 }, () => {
  let mesh: LocalMeshFixture;
  let prometheus: Prometheus;
  let kiali: Kiali;
  let sent: SentTraffic;
  let graph: Graph;
  before(async () => {
    mesh = await startLocalMesh([demoWorkloads, ingress]);
    prometheus = await startPrometheus(new URL(mesh.metrics).host);
    const kubeconfig = path.join(mesh.host.folder, 'kiali.kubeconfig');
    writeFileSync(kubeconfig, await mesh.host.kubeconfig(new AbortController().signal), { mode: 0o600 });
    kiali = await startKiali({ kubeconfig, prometheusUrl: prometheus.url });
    // A rate needs a sample from before the traffic.
    await sendTraffic(mesh, calls, { durationMs: 1, pauseMs: 0 });
    await prometheus.scraped();
    sent = await sendTraffic(mesh, calls, { durationMs: (graphSeconds + 2) * 1000, pauseMs: 100 });
    await prometheus.scraped();
    graph = await kiali.graph(['default', 'istio-system'], graphSeconds);
  });
  after(async () => {
    await kiali?.[Symbol.asyncDispose]();
    await prometheus?.[Symbol.asyncDispose]();
    await mesh?.[Symbol.asyncDispose]();
  });

  function nodeTitle(id: string): string {
    const node: GraphNode | undefined = graph.nodes.find((one) => one.id === id);
    const { nodeType = '', app, version, service } = node ?? {};
    return nodeType === 'service' ? `service ${service}` : `${nodeType} ${app} ${version}`;
  }

  const edgeTitle = ({ source, target, traffic }: GraphEdge): string =>
    `${nodeTitle(source)} -> ${nodeTitle(target)} ${traffic?.protocol}`;

  /** Returns the number of requests per second of an edge. */
  function rateOf(title: string): number {
    const { traffic } = graph.edges.find((edge) => edgeTitle(edge) === title) ?? {};
    return Number(traffic?.rates[traffic.protocol]);
  }

  test('the graph has the calls of the demo, by version and protocol', () => {
    // A connection to the mocks of service2 leads to either of its versions.
    const titles = graph.edges.map((edge) => edgeTitle(edge).replace('app service2 v2 -> ', 'app service2 v1 -> '));
    assert.deepEqual([...new Set(titles)].sort(), expectedEdges);
  });

  test('every edge has the rate of the traffic', () => {
    const isClose = (rate: number): boolean => Math.abs(rate - sent.perSecond) < sent.perSecond / 3;
    for (const title of [
      'app istio-ingressgateway latest -> service gateway http',
      'app gateway v1 -> service service1 http',
      'app service1 v1 -> service service2 http',
      'app service1 v1 -> service service3 grpc',
      'service service4 -> app service4 v1 grpc',
    ])
      assert.ok(isClose(rateOf(title)), `${title}: ${rateOf(title)}/s of ${sent.perSecond}/s`);
    const versions = ['v1', 'v2'].map((version) => rateOf(`service service2 -> app service2 ${version} http`));
    assert.ok(isClose(versions.reduce((sum, rate) => sum + rate)), `${versions} of ${sent.perSecond}/s`);
  });

  test('every edge has mTLS', () => {
    assert.deepEqual(graph.edges.filter(({ isMTLS }) => isMTLS !== '100').map(edgeTitle), []);
  });

  test('a fault of one version is the error rate of its edges alone', () => {
    const failing = graph.edges.filter(({ traffic }) => traffic?.rates.httpPercentErr !== undefined);
    const rates = Object.fromEntries(failing.map((edge) => [edgeTitle(edge), edge.traffic?.rates.httpPercentErr]));
    const [caller = '', ...others] = Object.keys(rates).filter((title) => title.endsWith('-> service service3 http'));
    assert.equal(others.length, 0);
    const { [caller]: callerRate, ...answering } = rates;
    assert.deepEqual(answering, { 'service service3 -> app service3 v2 http': '100.0' });
    assert.ok(Math.abs(Number(callerRate) - 50) < 20, `${callerRate} %`);
  });

  test('the Istio objects of the demo are valid, and nothing of the mesh is wrong', async () => {
    const validations = await kiali.validations();
    for (const object of ['gateway/ingress.default', 'virtualservice/ingress.default'])
      assert.deepEqual(
        validations.filter((one) => one.object === object),
        [{ object, valid: true, checks: [] }],
      );
    assert.deepEqual(
      validations.filter(({ valid, checks }) => !valid || checks.some(({ severity }) => severity === 'error')),
      [],
    );
  });

  test('Kiali skips no series of the mesh', () => {
    assert.doesNotMatch(kiali.log, /missing expected|Skipping (?:addTraffic|NodeTrafficMap)/);
  });
});
