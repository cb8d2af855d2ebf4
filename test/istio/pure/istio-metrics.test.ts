/** Compares the labels of metrics with those that Istio documents, and that its filter `istio.stats` gives. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { istioMetrics } from '../../../src/istio/observe/istio-metrics.ts';
import { metricsFilter } from '../../../src/istio/observe/metrics-filter.ts';
import { type MeshPod, PodDirectory } from '../../../src/istio/observe/pod-directory.ts';
import { formatLabels, parseSamples, type Sample } from '../../../src/istio/observe/prometheus-text.ts';

/** Returns a pod that the injector has labelled. */
function podOf(name: string, address: string, changes: Partial<MeshPod> = {}): MeshPod {
  const [app = '', version = ''] = name.split('-');
  return {
    name: `${name}-x1`,
    namespace: 'shop',
    workload: name,
    serviceAccount: app,
    labels: {
      app,
      version,
      'service.istio.io/canonical-name': app,
      'service.istio.io/canonical-revision': version,
    },
    address,
    hasProxy: true,
    ...changes,
  };
}

const front = podOf('front-v1', '10.0.0.1');
const till = podOf('till-v2', '10.0.0.2');
const plain = podOf('plain-v1', '10.0.0.3', { hasProxy: false });
const gateway = podOf('gateway', '10.0.0.4', {
  namespace: 'istio-system',
  labels: {
    app: 'gateway',
    'service.istio.io/canonical-name': 'gateway',
    'service.istio.io/canonical-revision': 'latest',
  },
});
const all = [front, till, plain, gateway];

const principalOf = ({ namespace, serviceAccount }: MeshPod): string =>
  `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;

const frontPrincipal = principalOf(front);
const tillPrincipal = principalOf(till);
const tillService = '[{"host":"till.shop.svc.cluster.local","name":"till","namespace":"shop"}]';
const tillCluster = 'outbound|80||till.shop.svc.cluster.local';

/** Facts of a key, in the order of `TrafficKey`; by default of an answered request from `front` to `till`. */
const sourceFacts = {
  reporter: 'source',
  protocol: 'http',
  code: '200',
  grpcStatus: '',
  flags: '-',
  peer: 'till-v2;shop;till;v2;Kubernetes',
  own: frontPrincipal,
  other: tillPrincipal,
  cluster: tillCluster,
  services: tillService,
};
const destinationFacts = {
  ...sourceFacts,
  reporter: 'destination',
  peer: front.address,
  own: tillPrincipal,
  other: frontPrincipal,
  cluster: 'inbound|80||',
};
type Facts = typeof sourceFacts;

function line(stat: string, facts: Facts, value: number, further: Readonly<Record<string, string>> = {}): string {
  return `envoy_istio_${stat}{${formatLabels({ key: Object.values(facts).join(' '), ...further })}} ${value}\n`;
}

function samplesOf(pod: MeshPod, ...lines: readonly string[]): Sample[] {
  return [...parseSamples(istioMetrics([{ pod, text: lines.join('') }], new PodDirectory(all)))];
}

/** Returns the labels of `istio_requests_total` for one request. */
function labelsOf(pod: MeshPod, facts: Facts): Readonly<Record<string, string>> {
  const [sample, ...others] = samplesOf(pod, line('requests_total', facts, 1));
  assert.deepEqual(others, []);
  assert.equal(sample?.name, 'istio_requests_total');
  return sample.labels;
}

const callLabels = {
  source_workload: 'front-v1',
  source_workload_namespace: 'shop',
  source_principal: frontPrincipal,
  source_app: 'front',
  source_version: 'v1',
  source_cluster: 'Kubernetes',
  source_canonical_service: 'front',
  source_canonical_revision: 'v1',
  destination_workload: 'till-v2',
  destination_workload_namespace: 'shop',
  destination_principal: tillPrincipal,
  destination_app: 'till',
  destination_version: 'v2',
  destination_cluster: 'Kubernetes',
  destination_canonical_service: 'till',
  destination_canonical_revision: 'v2',
  destination_service: 'till.shop.svc.cluster.local',
  destination_service_name: 'till',
  destination_service_namespace: 'shop',
};

const unknownEnd = (end: string): Record<string, string> => ({
  [`${end}_workload`]: 'unknown',
  [`${end}_workload_namespace`]: 'unknown',
  [`${end}_principal`]: 'unknown',
  [`${end}_app`]: 'unknown',
  [`${end}_version`]: 'unknown',
  [`${end}_cluster`]: 'unknown',
  [`${end}_canonical_service`]: 'unknown',
  // Istio gives a revision even for services that it does not know.
  [`${end}_canonical_revision`]: 'latest',
});

/** Returns the labels with a prefix. */
function end(labels: Readonly<Record<string, string>>, prefix: string): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => name.startsWith(prefix)));
}

suite("Istio's standard metrics", () => {
  test('a request has all labels that Istio documents, from both ends', () => {
    const request = {
      request_protocol: 'http',
      response_code: '200',
      grpc_response_status: '',
      response_flags: '-',
    };
    assert.deepEqual(labelsOf(front, sourceFacts), {
      reporter: 'source',
      ...callLabels,
      ...request,
      connection_security_policy: 'unknown',
      namespace: 'shop',
      pod: 'front-v1-x1',
    });
    assert.deepEqual(labelsOf(till, destinationFacts), {
      reporter: 'destination',
      ...callLabels,
      ...request,
      connection_security_policy: 'mutual_tls',
      namespace: 'shop',
      pod: 'till-v2-x1',
    });
  });

  test('a gRPC request has its protocol and its status', () => {
    const labels = labelsOf(front, { ...sourceFacts, protocol: 'grpc', grpcStatus: '14' });
    assert.equal(labels.request_protocol, 'grpc');
    assert.equal(labels.grpc_response_status, '14');
  });

  test('a client without a proxy is unknown, and its connection has no security', () => {
    for (const address of [plain.address, '192.0.2.1']) {
      const labels = labelsOf(till, { ...destinationFacts, peer: address, own: '', other: '' });
      assert.deepEqual(end(labels, 'source_'), unknownEnd('source'));
      assert.equal(labels.connection_security_policy, 'none');
      assert.equal(labels.destination_workload, 'till-v2');
      assert.equal(labels.destination_principal, 'unknown');
    }
  });

  test('a client whose address another pod has now is found by its identity', () => {
    const labels = labelsOf(till, { ...destinationFacts, peer: gateway.address });
    assert.equal(labels.source_workload, 'front-v1');
    assert.equal(labels.source_workload_namespace, 'shop');
  });

  test('the identity of a client of which nothing else is known decides its namespace', () => {
    const other = 'spiffe://cluster.local/ns/else/sa/default';
    const labels = labelsOf(till, { ...destinationFacts, peer: '192.0.2.1', other });
    assert.deepEqual(end(labels, 'source_'), {
      ...unknownEnd('source'),
      source_workload_namespace: 'else',
      source_principal: other,
    });
  });

  test('a destination without a proxy has no app and no version', () => {
    const peer = 'plain-v1;shop;plain;;Kubernetes';
    const labels = labelsOf(front, { ...sourceFacts, peer, own: '', other: '' });
    assert.deepEqual(end(labels, 'destination_'), {
      ...end(callLabels, 'destination_service'),
      destination_workload: 'plain-v1',
      destination_workload_namespace: 'shop',
      destination_principal: 'unknown',
      destination_app: 'unknown',
      destination_version: 'unknown',
      destination_cluster: 'Kubernetes',
      destination_canonical_service: 'plain',
      destination_canonical_revision: 'latest',
    });
  });

  test('a destination that did not answer has no app and no version', () => {
    for (const [flags, code, app] of [
      ['UF,URX', '503', 'unknown'],
      ['UT', '504', 'unknown'],
      ['DC', '0', 'unknown'],
      ['URX', '503', 'till'],
      ['DI', '200', 'till'],
      // The response had begun.
      ['UC', '200', 'till'],
    ] as const) {
      const labels = labelsOf(front, { ...sourceFacts, flags, code });
      assert.equal(labels.destination_app, app, flags);
      assert.equal(labels.destination_workload, 'till-v2');
      assert.equal(labels.response_flags, flags);
    }
  });

  test('a Service without pods is known by name, its workload is not', () => {
    const labels = labelsOf(front, { ...sourceFacts, code: '503', flags: 'UH', peer: '', own: '', other: '' });
    assert.deepEqual(end(labels, 'destination_'), {
      ...unknownEnd('destination'),
      ...end(callLabels, 'destination_service'),
    });
    assert.equal(labels.source_principal, 'unknown');
  });

  test('hosts that the mesh does not know go by the host, or by the name of the cluster or route', () => {
    const nowhere = { ...sourceFacts, peer: '', own: '', other: '', services: 'example.com:8080' };
    for (const [cluster, name] of [
      ['PassthroughCluster', 'PassthroughCluster'],
      ['block_all', 'BlackHoleCluster'],
      ['allow_any', 'PassthroughCluster'],
      ['a route of the user', 'example.com:8080'],
      ['', 'example.com:8080'],
    ] as const)
      assert.deepEqual(end(labelsOf(front, { ...nowhere, cluster }), 'destination_service'), {
        destination_service: 'example.com:8080',
        destination_service_name: name,
        destination_service_namespace: 'unknown',
      });
  });

  test('an inbound port without a Service goes by the service of the pod', () => {
    const facts = { ...destinationFacts, cluster: 'InboundPassthroughCluster', services: '' };
    assert.deepEqual(end(labelsOf(till, facts), 'destination_service'), {
      destination_service: 'till',
      destination_service_name: 'InboundPassthroughCluster',
      destination_service_namespace: 'shop',
    });
  });

  test('a gateway without a version reports an empty one, and its peers report unknown', () => {
    assert.equal(labelsOf(gateway, sourceFacts).source_version, '');
    const facts = { ...destinationFacts, peer: gateway.address, other: principalOf(gateway) };
    const labels = labelsOf(till, facts);
    assert.equal(labels.source_version, 'unknown');
    assert.equal(labels.source_canonical_revision, 'latest');
    assert.equal(labels.source_workload_namespace, 'istio-system');
  });

  test('a histogram keeps its buckets, sum and count', () => {
    const samples = samplesOf(
      front,
      line('request_duration_milliseconds_bucket', sourceFacts, 2, { le: '5' }),
      line('request_duration_milliseconds_bucket', sourceFacts, 3, { le: '+Inf' }),
      line('request_duration_milliseconds_sum', sourceFacts, 17),
      line('request_duration_milliseconds_count', sourceFacts, 3),
    );
    assert.deepEqual(
      samples.map(({ name, labels, value }) => [name, labels.le, labels.destination_app, value]),
      [
        ['istio_request_duration_milliseconds_bucket', '5', 'till', 2],
        ['istio_request_duration_milliseconds_bucket', '+Inf', 'till', 3],
        ['istio_request_duration_milliseconds_sum', undefined, 'till', 17],
        ['istio_request_duration_milliseconds_count', undefined, 'till', 3],
      ],
    );
  });

  test('messages of gRPC are added up, and have only the labels of the two ends', () => {
    const facts = { ...sourceFacts, protocol: 'grpc' };
    const samples = samplesOf(
      front,
      line('grpc_streams_total', facts, 5, { messages: '1,1' }),
      line('grpc_streams_total', facts, 2, { messages: '1,10' }),
      line('grpc_streams_total', facts, 4, { messages: '' }),
    );
    assert.deepEqual(
      samples.map(({ name, value }) => [name, value]),
      [
        ['istio_request_messages_total', 7],
        ['istio_response_messages_total', 25],
      ],
    );
    for (const { labels } of samples)
      assert.deepEqual(labels, { reporter: 'source', ...callLabels, namespace: 'shop', pod: 'front-v1-x1' });
  });

  test('TCP connections are counted with their bytes', () => {
    const facts = { ...destinationFacts, protocol: 'tcp', code: '' };
    const samples = samplesOf(
      till,
      line('tcp_connections_total', facts, 2),
      line('tcp_sent_bytes_total', facts, 100),
      line('tcp_received_bytes_total', facts, 10),
    );
    assert.deepEqual(
      samples.map(({ name, value }) => [name, value]),
      [
        ['istio_tcp_sent_bytes_total', 100],
        ['istio_tcp_received_bytes_total', 10],
        ['istio_tcp_connections_opened_total', 2],
        ['istio_tcp_connections_closed_total', 2],
      ],
    );
    assert.deepEqual(samples[0]?.labels, {
      reporter: 'destination',
      ...callLabels,
      request_protocol: 'tcp',
      response_flags: '-',
      connection_security_policy: 'mutual_tls',
      namespace: 'shop',
      pod: 'till-v2-x1',
    });
  });

  test('without mTLS, the ends of a TCP connection do not know each other', () => {
    const facts = { ...destinationFacts, protocol: 'tcp', code: '', own: '', other: '' };
    const [destination] = samplesOf(till, line('tcp_connections_total', facts, 1));
    assert.deepEqual(end(destination?.labels ?? {}, 'source_'), unknownEnd('source'));
    const source = { ...sourceFacts, protocol: 'tcp', code: '', own: '', other: '' };
    const [reported] = samplesOf(front, line('tcp_connections_total', source, 1));
    assert.equal(reported?.labels.destination_app, 'unknown');
    assert.equal(reported?.labels.destination_workload, 'till-v2');
  });

  test('series with the same labels are one: subsets of a Service do not divide a workload', () => {
    const subset = { ...sourceFacts, cluster: 'outbound|80|v2|till.shop.svc.cluster.local' };
    const samples = samplesOf(front, line('requests_total', sourceFacts, 3), line('requests_total', subset, 4));
    assert.deepEqual(
      samples.map(({ value }) => value),
      [7],
    );
  });

  test('the pods of a workload are series of their own, so that a counter never decreases', () => {
    const second = { ...front, name: 'front-v1-x2', address: '10.0.0.9' };
    const text = line('requests_total', sourceFacts, 1);
    const metrics = istioMetrics(
      [front, second].map((pod) => ({ pod, text })),
      new PodDirectory([...all, second]),
    );
    assert.deepEqual(
      [...parseSamples(metrics)].map(({ labels }) => labels.pod),
      ['front-v1-x1', 'front-v1-x2'],
    );
  });

  test('statistics with other keys, and unusual hosts, do no harm', () => {
    assert.equal(
      istioMetrics([{ pod: front, text: 'envoy_istio_requests_total{key="a"} 1\nx 1\n' }], new PodDirectory([])),
      '',
    );
    for (const services of ['[{', '[::1]:8080', '', '"'])
      assert.equal(labelsOf(front, { ...sourceFacts, services }).destination_service, services || 'unknown');
  });
});

suite('the EnvoyFilter of the metrics', () => {
  const text = JSON.stringify(metricsFilter('istio-system'));

  test('paths, queries and users are not tags: their number has no limit', () => {
    for (const operator of ['%PATH', '%REQ(:PATH', '%REQ(X-', '%REQ_WITHOUT_QUERY', 'QUERY_PARAM', 'USER-AGENT'])
      assert.ok(!text.toUpperCase().includes(operator), operator);
  });

  test('only outbound listeners of sidecars count by the host that a client names', () => {
    const filter = metricsFilter('istio-system').spec as { configPatches: { match: { context: string } }[] };
    const contexts = filter.configPatches
      .filter((patch) => JSON.stringify(patch).includes(':authority'))
      .map(({ match }) => match.context);
    assert.deepEqual(contexts, ['SIDECAR_OUTBOUND']);
  });

  test('every scope of statistics is shared between listeners and has limits', () => {
    const scopes = [...text.matchAll(/"stats_scope":(\{[^}]*\})/g)].map(([, scope = '']) => JSON.parse(scope));
    assert.ok(scopes.length > 0);
    for (const { sharing_name: name, max_counters: counters } of scopes) assert.ok(name && counters > 0);
  });
});
