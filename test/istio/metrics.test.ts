/** Tests the metrics of a mesh with real proxies: what they count, and what they do not know. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseSamples, type Sample } from '../../src/istio/observe/prometheus-text.ts';
import { demoWorkloads, type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';
import { workload } from './manifests.ts';

type Labels = Readonly<Record<string, string>>;

const further = {
  name: 'further',
  text: `${workload('plain', { labels: 'sidecar.istio.io/inject: "false"', ports: '{ name: http, port: 8080 }' })}
---
${workload('store', { labels: 'version: v1', ports: '{ name: tcp, port: 8080 }' })}
---
apiVersion: v1
kind: Service
metadata: { name: empty }
spec: { selector: { app: nothing }, ports: [{ name: http, port: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: service3 }
spec:
  hosts: [service3]
  http:
    - { name: a route with spaces, match: [{ uri: { prefix: /teapot } }], directResponse: { status: 418 } }
    - { match: [{ uri: { prefix: /fault } }], fault: { abort: { httpStatus: 555, percentage: { value: 100 } } },
        route: [{ destination: { host: service3 } }] }
    - { route: [{ destination: { host: service3 } }] }
`,
};

const longestWaitMs = 60_000;

suite('metrics of a mesh', { timeout: 600_000 }, () => {
  let mesh: LocalMeshFixture;
  before(async () => {
    mesh = await startLocalMesh([demoWorkloads, further]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  const call = async (path: string): Promise<void> => {
    await (await fetch(`http://${mesh.http('service1')}${path}`)).text();
  };

  /** Waits until the series of a metric with these labels have a sum, and returns them. */
  async function series(name: string, labels: Labels, sum: number): Promise<Sample[]> {
    const until = performance.now() + longestWaitMs;
    for (;;) {
      const text = await (await fetch(mesh.metrics)).text();
      const found = [...parseSamples(text, (one) => one === name)].filter(({ labels: all }) =>
        Object.entries(labels).every(([label, value]) => all[label] === value),
      );
      if (found.reduce((total, { value }) => total + value, 0) === sum) return found;
      if (performance.now() > until) assert.fail(`${name}: ${JSON.stringify(found)}\nof\n${text.slice(0, 5000)}`);
      await sleep(100);
    }
  }

  const reporters = ['source', 'destination'] as const;

  test('both ends count a call over HTTP, with its workload and its security', async () => {
    for (let count = 0; count < 10; count++) await call('/@service2/metrics-http');
    for (const reporter of reporters) {
      const found = await series(
        'istio_requests_total',
        { reporter, source_workload: 'service1-v1', destination_service_name: 'service2', request_protocol: 'http' },
        10,
      );
      const versions = found.map(({ labels }) => `${labels.destination_workload} ${labels.destination_version}`);
      assert.deepEqual(versions.sort(), ['service2-v1 v1', 'service2-v2 v2']);
      for (const { labels } of found) {
        assert.equal(labels.connection_security_policy, reporter === 'source' ? 'unknown' : 'mutual_tls');
        assert.equal(labels.source_principal, 'spiffe://cluster.local/ns/default/sa/service1');
        assert.equal(labels.destination_principal, 'spiffe://cluster.local/ns/default/sa/service2');
        assert.equal(labels.destination_service, 'service2.default.svc.cluster.local');
        assert.equal(labels.response_code, '200');
      }
    }
    // Proxies add up histograms every five seconds.
    const labels = { reporter: 'source', destination_service_name: 'service2', request_protocol: 'http' };
    await series('istio_request_duration_milliseconds_count', labels, 10);
    const [bytes] = await series('istio_response_bytes_bucket', { ...labels, destination_version: 'v1', le: '1' }, 0);
    assert.ok(bytes !== undefined);
  });

  test('a call over gRPC counts its messages and its status', async () => {
    for (let count = 0; count < 3; count++) await call('/@grpc:service4/~grpc-status=NOT_FOUND/x');
    for (const reporter of reporters) {
      const labels = { reporter, destination_service_name: 'service4' };
      const [requests] = await series('istio_requests_total', { ...labels, request_protocol: 'grpc' }, 3);
      assert.equal(requests?.labels.grpc_response_status, '5');
      const [messages] = await series('istio_request_messages_total', labels, 3);
      assert.ok(messages !== undefined && !('response_code' in messages.labels));
    }
  });

  test('requests that no pod answers are counted by the client alone', async () => {
    await call('/@empty/x');
    await call('/@service3/teapot');
    await call('/@service3/fault');
    await call('/@10.77.0.1:8080/x');
    for (const [service, code, flags] of [
      ['empty', '503', 'UH'],
      ['service3:8080', '418', '-'],
      ['service3', '555', 'FI'],
      ['PassthroughCluster', '503', 'UF'],
    ] as const) {
      const labels = { destination_service_name: service, response_code: code };
      const [found] = await series('istio_requests_total', { reporter: 'source', ...labels }, 1);
      assert.equal(found?.labels.response_flags, flags);
      assert.equal(found.labels.destination_workload, 'unknown');
      await series('istio_requests_total', { reporter: 'destination', ...labels }, 0);
    }
  });

  test('a pod without a sidecar is known to its clients only by its workload', async () => {
    await call('/@plain/x');
    const [found] = await series('istio_requests_total', { destination_service_name: 'plain' }, 1);
    assert.equal(found?.labels.destination_workload, 'plain');
    assert.equal(found.labels.destination_app, 'unknown');
    assert.equal(found.labels.destination_principal, 'unknown');
    await (await fetch(`http://${mesh.http('plain')}/@service4/from-plain`)).text();
    const [received] = await series(
      'istio_requests_total',
      { reporter: 'destination', destination_service_name: 'service4', request_protocol: 'http' },
      1,
    );
    assert.equal(received?.labels.source_workload, 'unknown');
    assert.equal(received.labels.connection_security_policy, 'none');
  });

  test('a connection to a port of TCP is counted when it ends', async () => {
    await call('/@store/~close/x');
    for (const reporter of reporters) {
      const labels = { reporter, destination_service_name: 'store', request_protocol: 'tcp' };
      const [closed] = await series('istio_tcp_connections_closed_total', labels, 1);
      assert.equal(closed?.labels.source_workload, 'service1-v1');
      await series('istio_requests_total', { reporter, destination_service_name: 'store' }, 0);
    }
  });

  test('counters survive changes of the listeners that count', async () => {
    const labels = { reporter: 'source', destination_service_name: 'service2', request_protocol: 'http' };
    const policy = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default }
spec: { mtls: { mode: STRICT } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: another }
spec: { hosts: [another.test], ports: [{ number: 8081, name: http, protocol: HTTP }], resolution: DNS }`;
    await mesh.apply({ name: 'policy', text: policy });
    await series('istio_requests_total', labels, 10);
    await mesh.delete({ name: 'policy', text: policy });
    await series('istio_requests_total', labels, 10);
    await series('istio_requests_total', { ...labels, reporter: 'destination' }, 10);
  });

  test('each proxy is up, and other paths are not found', async () => {
    const proxies = await series('meshmock_proxy_up', {}, 8);
    assert.ok(proxies.every(({ labels }) => labels.pod !== '' && labels.namespace === 'default'));
    const { status } = await fetch(mesh.metrics.replace('/metrics', '/other'));
    assert.equal(status, 404);
  });
});
