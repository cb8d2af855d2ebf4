import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../otlp-receiver.ts';
import { type ServedProgram, startServe } from '../program.ts';
import { callGrpc, callHttp, startForeignServer } from '../running-mesh.ts';

const id = (bytes: number): string => randomBytes(bytes).toString('hex');

suite('spans over OTLP', () => {
  const started = new AsyncDisposableStack();
  let receiver: OtlpReceiver;
  let leaf: ServedProgram;
  let gateway: ServedProgram;
  before(async () => {
    receiver = started.use(await startOtlpReceiver());
    leaf = started.use(await startServe('leaf', [], receiver.env));
    const routes = [`leaf:8080:127.0.0.1:${leaf.httpPort}`, `leaf:9090:127.0.0.1:${leaf.grpcPort}`];
    const args = routes.flatMap((route) => ['--connect-to', route]);
    gateway = started.use(await startServe('gateway', args, receiver.env));
  });
  // A receiver that stays open after a failed start would keep the test from ending.
  after(() => started.disposeAsync());

  /** Returns the spans of gateway → leaf, from the root down. */
  async function chain(traceId: string): Promise<ReceivedSpan[]> {
    const spans = await receiver.trace(traceId, 3);
    assert.equal(spans.length, 3);
    const root = spans.find(({ service, kind }) => service === 'gateway' && kind === 'SERVER');
    const client = spans.find(({ parentSpanId }) => parentSpanId === root?.spanId);
    const server = spans.find(({ parentSpanId }) => parentSpanId === client?.spanId);
    assert.ok(root !== undefined && client !== undefined && server !== undefined);
    assert.deepEqual(
      [client.service, client.kind, server.service, server.kind],
      ['gateway', 'CLIENT', 'leaf', 'SERVER'],
    );
    return [root, client, server];
  }

  test('an HTTP hop has one SERVER and one CLIENT span, with names and attributes of the conventions', async () => {
    const { traceId = '' } = await callHttp(gateway.httpPort, '/@leaf/hello?a=1');
    const [root, client, server] = await chain(traceId);
    assert.equal(root?.parentSpanId, undefined);
    assert.deepEqual([root?.name, client?.name, server?.name], ['GET /*', 'GET', 'GET /*']);
    assert.equal(server?.attributes['url.path'], '/hello');
    assert.equal(server?.attributes['url.query'], 'a=1');
    assert.equal(server?.attributes['http.route'], '/*');
    assert.equal(server?.attributes['http.response.status_code'], 200);
    assert.equal(client?.attributes['url.full'], 'http://leaf:8080/hello?a=1');
    assert.equal(client?.attributes['server.address'], 'leaf');
    assert.equal(client?.attributes['meshmock.stage'], 0);
    assert.equal(client?.attributes['meshmock.target'], 'leaf:8080');
    assert.equal(client?.attributes['meshmock.budget_left'], 999);
    assert.equal(server?.attributes['meshmock.budget_left'], 999);
  });

  test('a gRPC hop has one SERVER and one CLIENT span, with names and attributes of the conventions', async () => {
    const { reply } = await callGrpc(gateway.grpcPort, { path: '/@grpc:leaf/hello' });
    const [root, client, server] = await chain(reply?.traceId ?? '');
    for (const span of [root, client, server]) {
      assert.equal(span?.name, 'meshmock.v1.MeshMock/Call');
      assert.equal(span?.attributes['rpc.system.name'], 'grpc');
      assert.equal(span?.attributes['rpc.response.status_code'], 'OK');
    }
  });

  test('the spans of a gRPC method have its name', async () => {
    const reply = await callHttp(gateway.httpPort, '/@grpc:leaf/shop.Basket/Get');
    const [, client, server] = await chain(reply.traceId ?? '');
    for (const span of [client, server]) {
      assert.equal(span?.name, 'shop.Basket/Get');
      assert.equal(span?.attributes['rpc.method'], 'shop.Basket/Get');
      assert.equal(span?.attributes['rpc.response.status_code'], 'OK');
    }
    assert.equal(reply.calls?.[0]?.reply?.spanId, server?.spanId);
  });

  test('each attempt of a retried call and each run of a repeated call has its own span', async () => {
    const retried = await callHttp(gateway.httpPort, '/@leaf;retries=2/~status=503:attempt<3/x');
    const attempts = (await receiver.trace(retried.traceId ?? '', 7)).filter(({ kind }) => kind === 'CLIENT');
    assert.deepEqual(
      attempts
        .map(({ isError, attributes }) => [isError, attributes['http.request.resend_count'] ?? 0])
        .sort(([, a], [, b]) => Number(a) - Number(b)),
      [
        [true, 0],
        [true, 1],
        [false, 2],
      ],
    );
    const repeated = await callHttp(gateway.httpPort, '/@grpc:leaf*5;concurrency=2/x');
    const spans = await receiver.trace(repeated.traceId ?? '', 11);
    assert.deepEqual([spans.length, new Set(spans.map(({ parentSpanId }) => parentSpanId)).size], [11, 7]);
  });

  test('the span of a request whose connection is reset has an error and no status', async () => {
    const { traceId = '' } = await callHttp(gateway.httpPort, '/@leaf/~close/x');
    const server = (await receiver.trace(traceId, 3)).find(({ service }) => service === 'leaf');
    assert.deepEqual(
      [server?.isError, server?.attributes['error.type'], server?.attributes['http.response.status_code']],
      [true, 'reset', undefined],
    );
  });

  test('a call without an answer has an error on its span, and on that of the service', async () => {
    const { traceId = '' } = await callHttp(gateway.httpPort, '/@127.0.0.1:1/x');
    const spans = await receiver.trace(traceId, 2);
    const client = spans.find(({ kind }) => kind === 'CLIENT');
    assert.equal(client?.attributes['error.type'], 'refused');
    assert.equal(client?.attributes['meshmock.error'], 'refused');
    assert.deepEqual(
      spans.map(({ isError }) => isError),
      [true, true],
    );
  });

  test('the SERVER span of a refused plan is not an error, because the client was wrong', async () => {
    const { traceId = '' } = await callHttp(gateway.httpPort, '/@(');
    const [span] = await receiver.trace(traceId, 1);
    assert.equal(span?.isError, false);
    assert.equal(span?.attributes['meshmock.error'], 'invalid_plan');
  });

  /** Returns the headers that a server receives after one hop. */
  async function headersAfterHop(headers: Record<string, string>): Promise<Record<string, string | undefined>> {
    await using foreign = await startForeignServer((_request, response) => response.end());
    await callHttp(gateway.httpPort, `/@127.0.0.1:${foreign.port}/x`, headers);
    return foreign.requests[0]?.headers as Record<string, string | undefined>;
  }

  test('a W3C context is forwarded as W3C, in the same trace', async () => {
    const [traceId, spanId] = [id(16), id(8)];
    const sent = await headersAfterHop({ traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'a=b' });
    assert.match(sent.traceparent ?? '', new RegExp(`^00-${traceId}-(?!${spanId})[0-9a-f]{16}-01$`));
    assert.equal(sent.tracestate, 'a=b');
    assert.equal(sent.b3, undefined);
    assert.equal(sent['x-b3-traceid'], undefined);
    const spans = await receiver.trace(traceId, 2);
    assert.equal(spans.find(({ kind }) => kind === 'SERVER')?.parentSpanId, spanId);
  });

  test('a B3 single context is forwarded as B3 single and W3C, of one span', async () => {
    const [traceId, spanId] = [id(16), id(8)];
    const sent = await headersAfterHop({ b3: `${traceId}-${spanId}-1` });
    const [, parent] = /^00-[0-9a-f]{32}-([0-9a-f]{16})-01$/.exec(sent.traceparent ?? '') ?? [];
    assert.equal(sent.b3, `${traceId}-${parent}-1`);
    assert.equal(sent['x-b3-traceid'], undefined);
    assert.equal((await receiver.trace(traceId, 2)).find(({ kind }) => kind === 'SERVER')?.parentSpanId, spanId);
  });

  test('a B3 multi context is forwarded as B3 multi and W3C, of one span', async () => {
    const [traceId, spanId] = [id(16), id(8)];
    const sent = await headersAfterHop({
      'x-b3-traceid': traceId,
      'x-b3-spanid': spanId,
      'x-b3-sampled': '1',
      'x-b3-parentspanid': id(8),
    });
    const [, parent] = /^00-[0-9a-f]{32}-([0-9a-f]{16})-01$/.exec(sent.traceparent ?? '') ?? [];
    assert.equal(sent['x-b3-traceid'], traceId);
    assert.equal(sent['x-b3-spanid'], parent);
    assert.equal(sent['x-b3-parentspanid'], undefined);
    assert.equal(sent.b3, undefined);
  });

  test('a W3C context wins over B3, and a stale B3 context is not forwarded', async () => {
    const [w3c, b3] = [id(16), id(16)];
    const sent = await headersAfterHop({
      traceparent: `00-${w3c}-${id(8)}-01`,
      b3: `${b3}-${id(8)}-1`,
      'x-b3-traceid': b3,
      'x-b3-spanid': id(8),
    });
    assert.ok(sent.traceparent?.includes(w3c));
    assert.ok(sent.b3?.startsWith(w3c));
    assert.equal(sent['x-b3-traceid'], w3c);
    assert.equal((await receiver.trace(w3c, 2)).length, 2);
    assert.equal(receiver.spans.filter(({ traceId }) => traceId === b3).length, 0);
  });

  test('a malformed context starts a new trace', async () => {
    const sent = await headersAfterHop({ traceparent: '00-zz-01' });
    assert.match(sent.traceparent ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  test('a B3 request that denies sampling without a trace has no span, and the denial is forwarded', async () => {
    for (const headers of [{ b3: '0' }, { 'x-b3-sampled': '0' }]) {
      const sent = await headersAfterHop(headers);
      assert.equal(sent.b3 ?? sent['x-b3-sampled'], '0');
      // Istio's sidecars read only W3C, so they get the denial as W3C too.
      assert.match(sent.traceparent ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      assert.equal((await callHttp(gateway.httpPort, '/@leaf/denied', headers)).spanId, undefined);
    }
    const next = await callHttp(gateway.httpPort, '/@leaf/x');
    await receiver.trace(next.traceId ?? '', 3);
    assert.equal(receiver.spans.filter(({ attributes }) => attributes['url.path'] === '/denied').length, 0);
  });

  test('an unsampled request has no span, and the decision is forwarded', async () => {
    const traceId = id(16);
    const sent = await headersAfterHop({ traceparent: `00-${traceId}-${id(8)}-00` });
    assert.match(sent.traceparent ?? '', new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    const next = await callHttp(gateway.httpPort, '/@leaf/x');
    await receiver.trace(next.traceId ?? '', 3);
    assert.equal(receiver.spans.filter((span) => span.traceId === traceId).length, 0);
  });

  test('the variables for samplers, limits and propagators apply to spans of hops', async () => {
    await using foreign = await startForeignServer((_request, response) => response.end());
    await using own = await startServe('app', [], {
      ...receiver.env,
      OTEL_TRACES_SAMPLER: 'parentbased_always_off',
      OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '4',
      OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: '5',
      OTEL_PROPAGATORS: 'b3',
    });
    const path = `/@127.0.0.1:${foreign.port}/x`;
    assert.equal((await callHttp(own.httpPort, path)).spanId, undefined);
    const [traceId, spanId] = [id(16), id(8)];
    await callHttp(own.httpPort, path, { b3: `${traceId}-${spanId}-1` });
    const spans = await receiver.trace(traceId, 2);
    const client = spans.find(({ kind }) => kind === 'CLIENT');
    const server = spans.find(({ kind }) => kind === 'SERVER');
    assert.deepEqual([spans.length, server?.parentSpanId, client?.parentSpanId], [2, spanId, server?.spanId]);
    const port = foreign.port;
    assert.deepEqual(client?.attributes, {
      'http.request.method': 'GET',
      'url.full': 'http:',
      'server.address': '127.0',
      'server.port': port,
    });
    const sent = foreign.requests.map(({ headers }) => [headers.b3, headers.traceparent]);
    assert.match(String(sent[0]?.[0]), /^[0-9a-f]{32}-[0-9a-f]{16}-0$/);
    assert.deepEqual(sent[1], [`${traceId}-${client?.spanId}-1`, undefined]);
  });

  test('a service whose exporter OpenTelemetry does not know answers without spans', async () => {
    await using own = await startServe('app', [], { OTEL_TRACES_EXPORTER: 'unknown' });
    const traceId = id(16);
    const reply = await callHttp(own.httpPort, '/x', { traceparent: `00-${traceId}-${id(8)}-01` });
    assert.deepEqual([reply.traceId, reply.spanId], [traceId, undefined]);
  });

  test('a service answers without spans if the SDK is disabled, also by a value with spaces', async () => {
    await using own = await startServe('app', [], { ...receiver.env, OTEL_SDK_DISABLED: ' True ' });
    const traceId = id(16);
    const reply = await callHttp(own.httpPort, '/x', { traceparent: `00-${traceId}-${id(8)}-01` });
    assert.deepEqual([reply.traceId, reply.spanId], [traceId, undefined]);
  });

  test('a service exports its spans if the environment has loaded another SDK before', async () => {
    const { href } = new URL('other-sdk.ts', import.meta.url);
    await using own = await startServe('app', [], { ...receiver.env, NODE_OPTIONS: `--import ${href}` });
    const { traceId = '', spanId } = await callHttp(own.httpPort, '/x');
    assert.deepEqual(
      (await receiver.trace(traceId, 1)).map((span) => [span.spanId, span.name]),
      [[spanId, 'GET /*']],
    );
  });

  test('the service.name of the environment wins', async () => {
    const own = await startServe('app', [], {
      ...receiver.env,
      OTEL_SERVICE_NAME: 'app.shop',
      OTEL_RESOURCE_ATTRIBUTES: 'service.version=v9',
    });
    const { traceId = '' } = await callHttp(own.httpPort, '/x');
    // The service ends at once, and exports the queue after the drain.
    own.child.kill('SIGTERM');
    assert.equal(await own.exited(), 0);
    const [span] = await receiver.trace(traceId, 1);
    assert.equal(span?.service, 'app.shop');
  });

  test('logs go to the exporter of the environment, with the ids of their span', async () => {
    const own = await startServe('app', [], { ...receiver.env, OTEL_LOGS_EXPORTER: 'otlp' });
    const { traceId = '' } = await callHttp(own.httpPort, '/x');
    own.child.kill('SIGTERM');
    assert.equal(await own.exited(), 0);
    const [span] = await receiver.trace(traceId, 1);
    assert.match(receiver.logs.join('\n'), new RegExp(`"traceId":"${traceId}","spanId":"${span?.spanId}"`));
  });

  test('a service ends although its collector does not answer', async () => {
    const own = await startServe('app', [], { ...receiver.env, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
    await callHttp(own.httpPort, '/x');
    own.child.kill('SIGTERM');
    assert.equal(await own.exited(), 0);
  });
});
