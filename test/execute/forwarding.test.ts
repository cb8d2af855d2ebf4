import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { callHttp, startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';

suite('headers that a service forwards, with spans off', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(['gateway', 'service1'], {}, ['X-Tenant', 'constructor']);
  });
  after(() => mesh[Symbol.asyncDispose]());

  /** Returns the headers that a server receives after two hops, one of each protocol. */
  async function headersAfterTwoHops(headers: Record<string, string>): Promise<Record<string, string | undefined>> {
    await using foreign = await startForeignServer((_request, response) => response.end());
    await callHttp(mesh.httpPort('gateway'), `/@grpc:service1/@127.0.0.1:${foreign.port}/x`, headers);
    return foreign.requests[0]?.headers as Record<string, string | undefined>;
  }

  const context = {
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'rojo=00f067aa0ba902b7',
    baggage: 'a=1',
    b3: '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1',
    'x-b3-traceid': '80f198ee56343ba864fe8b2a57d3eff7',
    'x-b3-spanid': 'e457b5a2e4d86bd1',
    'x-b3-parentspanid': '05e3ac9a4f6e3b90',
    'x-b3-sampled': '1',
    'x-b3-flags': '0',
    'uber-trace-id': '80f198ee56343ba8:e457b5a2e4d86bd1:0:1',
    'x-datadog-trace-id': '1',
    'x-datadog-parent-id': '2',
    'x-datadog-sampling-priority': '1',
    sw8: 'x',
    'x-ot-span-context': 'y',
    'x-cloud-trace-context': 'z/1',
    'x-amzn-trace-id': 'Root=1',
    'grpc-trace-bin': Buffer.from([0, 1, 2, 250]).toString('base64'),
    'x-request-id': '3f1c',
    'end-user': 'jason',
    cookie: 'user=jason',
    authorization: 'Bearer t',
    jwt: 'j',
    'x-tenant': 'acme',
  };

  test('trace, vendor and routing headers arrive verbatim over both protocols', async () => {
    const arrived = await headersAfterTwoHops(context);
    for (const [name, value] of Object.entries(context)) assert.equal(arrived[name], value, name);
  });

  test('headers of one connection, of proxies, and unknown headers are not forwarded', async () => {
    const arrived = await headersAfterTwoHops({
      'x-envoy-attempt-count': '3',
      'x-envoy-expected-rq-timeout-ms': '15000',
      'x-envoy-decorator-operation': 'x',
      'x-forwarded-client-cert': 'By=spiffe://a',
      'x-mine': '1',
    });
    for (const name of Object.keys(arrived)) assert.doesNotMatch(name, /^(?:x-envoy|x-forwarded|x-mine|constructor)/);
  });

  test('a cascade without a request id gets one id for all of its requests', async () => {
    const reply = await callHttp(mesh.httpPort('gateway'), '/@service1|grpc:service1/@service1/x');
    const ids = (reply.calls ?? []).flatMap(({ reply: child }) => [
      child?.mesh?.requestId,
      child?.calls?.[0]?.reply?.mesh?.requestId,
    ]);
    assert.equal(ids.length, 4);
    assert.match(String(ids[0]), /^[0-9a-f-]{36}$/);
    assert.deepEqual(new Set(ids).size, 1);
  });

  test('a reply shows the trace id of the caller', async () => {
    const w3c = await callHttp(mesh.httpPort('gateway'), '/x', { traceparent: context.traceparent, b3: context.b3 });
    assert.equal(w3c.traceId, '0af7651916cd43dd8448eb211c80319c');
    const b3 = await callHttp(mesh.httpPort('gateway'), '/x', { 'x-b3-traceid': 'e457b5a2e4d86bd1' });
    assert.equal(b3.traceId, '0000000000000000e457b5a2e4d86bd1');
    assert.equal((await callHttp(mesh.httpPort('gateway'), '/x')).traceId, undefined);
  });

  test('a reply shows what headers say of the mesh, and nothing without them', async () => {
    const reply = await callHttp(mesh.httpPort('gateway'), '/x', {
      'x-envoy-attempt-count': '2',
      'x-forwarded-client-cert':
        'By=spiffe://cluster.local/ns/a/sa/edge,By=spiffe://cluster.local/ns/a/sa/server;Hash=1;Subject="CN=a,b;URI=spiffe://evil;c";URI=spiffe://cluster.local/ns/a/sa/client',
    });
    assert.deepEqual(reply.mesh, {
      attempt: 2,
      peerIdentity: 'spiffe://cluster.local/ns/a/sa/client',
      ownIdentity: 'spiffe://cluster.local/ns/a/sa/server',
    });
    assert.equal((await callHttp(mesh.httpPort('gateway'), '/x')).mesh, undefined);
  });
});
