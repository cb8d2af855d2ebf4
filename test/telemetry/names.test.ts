import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../otlp-receiver.ts';
import { startServe } from '../program.ts';
import { callGrpc, callHttp } from '../running-mesh.ts';

suite('names in spans', () => {
  let receiver: OtlpReceiver;
  before(async () => {
    receiver = await startOtlpReceiver();
  });
  after(() => receiver[Symbol.asyncDispose]());

  /** Returns the spans of a service that calls itself, by kind. */
  async function spansOf(
    env: Record<string, string>,
    over: 'http' | 'grpc',
  ): Promise<{ server: ReceivedSpan; client: ReceivedSpan; port: number }> {
    await using own = await startServe('app', ['--pod', 'app-v1-1'], { ...receiver.env, ...env });
    const port = over === 'http' ? own.httpPort : own.grpcPort;
    const plan = over === 'http' ? `/@127.0.0.1:${port}/x?q=1` : `/@grpc:127.0.0.1:${port}/x`;
    const reply = over === 'http' ? await callHttp(port, plan) : (await callGrpc(port, { path: plan })).reply;
    const spans = await receiver.trace(reply?.traceId ?? '', 3);
    const client = spans.find(({ kind }) => kind === 'CLIENT');
    const server = spans.find(({ parentSpanId }) => parentSpanId === client?.spanId);
    assert.ok(client !== undefined && server !== undefined);
    return { client, server, port };
  }

  const istio = (resource: ReceivedSpan['resource']): string[] =>
    Object.keys(resource).filter((name) => name.startsWith('istio.') || name === 'hostname');

  test('a service without a namespace has no attributes of Istio', async () => {
    const { server } = await spansOf({ ISTIO_META_CLUSTER_ID: 'c' }, 'http');
    assert.equal(server.service, 'app');
    assert.deepEqual(istio(server.resource), []);
  });

  test('a service with a namespace has the name and the attributes of its sidecar', async () => {
    const env = { MESHMOCK_NAMESPACE: 'shop', ISTIO_META_CLUSTER_ID: 'Kubernetes', ISTIO_META_MESH_ID: 'mesh 1' };
    const { server } = await spansOf(env, 'http');
    assert.equal(server.service, 'app.shop');
    const { resource } = server;
    assert.deepEqual(Object.fromEntries(istio(resource).map((name) => [name, resource[name]])), {
      hostname: 'app-v1-1',
      'istio.canonical_service': 'app',
      'istio.canonical_revision': 'v1',
      'istio.namespace': 'shop',
      'istio.mesh_id': 'mesh 1',
      'istio.cluster_id': 'Kubernetes',
    });
  });

  test('resource attributes of the environment win, and unknown ones are absent', async () => {
    const env = {
      MESHMOCK_NAMESPACE: 'shop',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,hostname=host-1,istio.cluster_id=east',
    };
    const { server } = await spansOf(env, 'http');
    assert.equal(server.service, 'other');
    assert.equal(server.resource.hostname, 'host-1');
    assert.equal(server.resource['istio.cluster_id'], 'east');
    assert.equal(server.resource['istio.mesh_id'], undefined);
    assert.equal((await spansOf({ ...env, OTEL_SERVICE_NAME: 'third' }, 'http')).server.service, 'third');
  });

  const oldNames = new Set([
    ...['method', 'url', 'target', 'scheme', 'status_code', 'user_agent', 'resend_count'].map((name) => `http.${name}`),
    ...['rpc.system', 'rpc.service', 'rpc.grpc.status_code'],
    ...['net.peer.name', 'net.peer.port', 'net.host.name', 'net.host.port'],
  ]);
  const oldAttributes = ({ attributes }: ReceivedSpan): object =>
    Object.fromEntries(Object.entries(attributes).filter(([name]) => oldNames.has(name)));

  test('attributes have only their new names by default', async () => {
    for (const optIn of ['', 'http', 'rpc', 'http,rpc', 'database/dup']) {
      for (const over of ['http', 'grpc'] as const) {
        const { client, server } = await spansOf({ OTEL_SEMCONV_STABILITY_OPT_IN: optIn }, over);
        assert.deepEqual([oldAttributes(client), oldAttributes(server)], [{}, {}], optIn);
      }
    }
  });

  test('http/dup and rpc/dup add the old names of their protocol', async () => {
    const optIn = { OTEL_SEMCONV_STABILITY_OPT_IN: 'rpc/dup, http/dup' };
    const http = await spansOf(optIn, 'http');
    const url = `http://127.0.0.1:${http.port}/x?q=1`;
    const peer = { 'net.peer.name': '127.0.0.1', 'net.peer.port': http.port };
    const host = { 'net.host.name': '127.0.0.1', 'net.host.port': http.port };
    const common = { 'http.method': 'GET', 'http.url': url, 'http.status_code': 200 };
    assert.deepEqual(oldAttributes(http.client), { ...common, ...peer });
    assert.deepEqual(oldAttributes(http.server), {
      ...common,
      ...host,
      'http.target': '/x?q=1',
      'http.scheme': 'http',
    });
    assert.equal(http.server.attributes['http.response.status_code'], 200);

    const grpc = await spansOf(optIn, 'grpc');
    const call = { 'rpc.system': 'grpc', 'rpc.service': 'meshmock.v1.MeshMock', 'rpc.grpc.status_code': 0 };
    assert.deepEqual(oldAttributes(grpc.client), { ...call, 'net.peer.name': '127.0.0.1', 'net.peer.port': grpc.port });
    assert.deepEqual(oldAttributes(grpc.server), { ...call, 'net.host.name': '127.0.0.1', 'net.host.port': grpc.port });
    assert.equal(grpc.server.attributes['rpc.response.status_code'], 'OK');

    const httpOnly = await spansOf({ OTEL_SEMCONV_STABILITY_OPT_IN: 'http/dup' }, 'grpc');
    assert.deepEqual(oldAttributes(httpOnly.client), {});
  });
});
