/** Tests that Prometheus gets what a mesh did: counts, durations and sizes, with Istio's names and labels. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { demoWorkloads, type LocalMeshFixture, startLocalMesh } from '../istio/local-mesh.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';
import { type RepeatedCall, type SentTraffic, sendTraffic } from './traffic.ts';

const ingress = path.join(import.meta.dirname, '../../istio/demo/ingress.yaml');

const calls: readonly RepeatedCall[] = [
  { from: 'ingress', path: '/@service1/@service2/kiali' },
  { from: 'service1', path: '/@grpc:service3/@grpc:service4/kiali' },
  { from: 'service2', path: '/@service3/~status=503:version=v2/kiali' },
];

suite('metrics of a mesh in Prometheus', { timeout: 180_000 }, () => {
  let mesh: LocalMeshFixture;
  let prometheus: Prometheus;
  let sent: SentTraffic;
  before(async () => {
    mesh = await startLocalMesh([demoWorkloads, ingress]);
    prometheus = await startPrometheus(new URL(mesh.metrics).host);
    // A rate needs a sample from before the traffic.
    await sendTraffic(mesh, calls, { durationMs: 1, pauseMs: 0 });
    await prometheus.scraped();
    sent = await sendTraffic(mesh, calls, { durationMs: 10_000, pauseMs: 100 });
    await prometheus.scraped();
  });
  after(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await mesh?.[Symbol.asyncDispose]();
  });

  /** Returns the sums of a query by the values of labels, each joined by a space. */
  async function sums(expression: string, ...labels: readonly string[]): Promise<Record<string, number>> {
    const results = await prometheus.query(`sum by (${labels.join(',')}) (${expression})`);
    return Object.fromEntries(
      results.map(({ labels: found, value }) => [labels.map((label) => found[label] ?? '').join(' '), value]),
    );
  }

  test('both ends count each call once', async () => {
    const rounds = sent.rounds + 1;
    for (const reporter of ['source', 'destination']) {
      const edges = await sums(
        `istio_requests_total{reporter="${reporter}"}`,
        'source_canonical_service',
        'destination_service_name',
        'request_protocol',
      );
      assert.deepEqual(edges, {
        'istio-ingressgateway gateway http': rounds,
        'gateway service1 http': rounds,
        'service1 service2 http': rounds,
        'service1 service3 grpc': rounds,
        'service3 service4 grpc': rounds,
        'service2 service3 http': rounds,
      });
    }
  });

  test('the fault of one version is its own error rate', async () => {
    const codes = await sums(
      'istio_requests_total{reporter="destination",source_canonical_service="service2"}',
      'destination_workload',
      'response_code',
    );
    assert.deepEqual(Object.keys(codes).sort(), ['service3-v1 200', 'service3-v2 503']);
  });

  test('the rate is that of the traffic', async () => {
    const rates = await sums(
      'rate(istio_requests_total{reporter="source",source_canonical_service="gateway"}[8s])',
      'destination_service_name',
    );
    const rate = rates.service1 ?? 0;
    assert.ok(Math.abs(rate - sent.perSecond) < sent.perSecond / 2, `${rate}/s of ${sent.perSecond}/s`);
  });

  test('histograms and messages tell as much as the counters', async () => {
    const before = performance.now();
    const rounds = sent.rounds + 1;
    for (;;) {
      const counts = await sums(
        'istio_request_duration_milliseconds_count{reporter="source",source_canonical_service="service1"}',
        'destination_service_name',
      );
      // Proxies add up histograms every five seconds.
      if (counts.service2 === rounds && counts.service3 === rounds) break;
      assert.ok(performance.now() - before < 20_000, JSON.stringify(counts));
      await prometheus.scraped();
    }
    const messages = await sums('istio_response_messages_total{reporter="source"}', 'destination_service_name');
    assert.deepEqual(messages, { service3: rounds, service4: rounds });
    const [median] = await prometheus.query(
      'histogram_quantile(0.5, sum by (le) (istio_request_duration_milliseconds_bucket{reporter="source"}))',
    );
    assert.ok((median?.value ?? 0) > 0 && (median?.value ?? 0) < 1000);
    const [size] = await prometheus.query(
      'sum(istio_response_bytes_sum{reporter="source"}) / sum(istio_response_bytes_count{reporter="source"})',
    );
    assert.ok((size?.value ?? 0) > 100);
  });

  test('mTLS is reported by the destination', async () => {
    const policies = await sums('istio_requests_total', 'reporter', 'connection_security_policy');
    assert.deepEqual(Object.keys(policies).sort(), ['destination mutual_tls', 'source unknown']);
  });

  test('every series that Istio documents is complete: none lacks a label that Kiali groups by', async () => {
    const grouped = [
      'source_cluster,source_workload_namespace,source_workload,source_canonical_service,source_canonical_revision',
      'destination_cluster,destination_service_namespace,destination_service,destination_service_name',
      'destination_workload_namespace,destination_workload,destination_canonical_service',
      'destination_canonical_revision,request_protocol,response_code,response_flags,connection_security_policy',
    ].join(',');
    for (const { labels } of await prometheus.query(`sum by (${grouped}) (istio_requests_total)`))
      assert.deepEqual(Object.keys(labels).sort(), grouped.split(',').sort());
  });
});
