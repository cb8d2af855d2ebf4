/**
 * Queries that Kiali sends to a Jaeger, and the way it reads the answers (kiali/kiali: tracing/jaeger/http_client.go and
 * grpc_client.go, business/tracing.go, frontend/src/utils/tracing/TracingHelper.ts).
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServedProgram, startServe } from '../program.ts';
import { callHttp } from '../running-mesh.ts';
import { grpcurl, type Jaeger, startJaeger } from './tools.ts';

interface Tag {
  readonly key: string;
  readonly value: unknown;
}
interface JaegerSpan {
  readonly processID: string;
  readonly operationName: string;
  readonly tags: readonly Tag[];
}
/** Span as grpcurl prints it. */
interface GrpcSpan {
  readonly traceId: string;
  readonly process: {
    readonly serviceName: string;
    readonly tags: readonly { readonly key: string; readonly vStr?: string }[];
  };
}
interface JaegerTrace {
  readonly traceID: string;
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string; readonly tags: readonly Tag[] }>>;
}

const longestWaitMs = 60_000;
const pod = 'reviews-v2-6fcb9f8b7d-x2x9z';

/** Does what `prepareQuery` does: whole seconds, written in microseconds, and tags as JSON. */
function tracesQuery(service: string, tags: Record<string, string>): string {
  const nowS = Math.floor(Date.now() / 1000);
  const query = new URLSearchParams({
    service,
    start: String((nowS - 600) * 1e6),
    end: String((nowS + 1) * 1e6),
    tags: JSON.stringify(tags),
    limit: '100',
  });
  return `/api/traces?${query}`;
}

/** Does what `spanMatchesWorkload` does for a span without a `node_id`. */
function matchesWorkload(span: JaegerSpan, trace: JaegerTrace, workload: string): boolean {
  const tags = [...span.tags, ...(trace.processes[span.processID]?.tags ?? [])];
  return tags.some(({ key, value }) => key === 'hostname' && String(value).startsWith(workload));
}

/** Does what `extractOpenTracingHTTPInfo` does: returns the columns of the table of spans. */
function columnsOf({ tags }: JaegerSpan): Record<string, unknown> {
  const columns = ['span.kind', 'http.method', 'http.url', 'http.status_code'];
  return Object.fromEntries(tags.filter(({ key }) => columns.includes(key)).map(({ key, value }) => [key, value]));
}

suite("Kiali's queries to a real Jaeger", { timeout: 240_000 }, () => {
  let jaeger: Jaeger;
  let gateway: ServedProgram;
  let reviews: ServedProgram;
  let traceId: string;
  before(async () => {
    jaeger = await startJaeger();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlp,
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_SEMCONV_STABILITY_OPT_IN: 'http/dup',
      ISTIO_META_CLUSTER_ID: 'Kubernetes',
      ISTIO_META_MESH_ID: 'cluster.local',
      MESHMOCK_NAMESPACE: 'shop',
    };
    reviews = await startServe('reviews', ['--pod', pod, '--service-version', 'v2'], env);
    const route = `reviews:8080:127.0.0.1:${reviews.httpPort}`;
    gateway = await startServe('gateway', ['--pod', 'gateway-v1-5b9d-abcde', '--connect-to', route], env);
    traceId = (await callHttp(gateway.httpPort, '/@reviews/~status=503/x?q=1')).traceId ?? '';
  });
  after(async () => {
    await gateway[Symbol.asyncDispose]();
    await reviews[Symbol.asyncDispose]();
    await jaeger[Symbol.asyncDispose]();
  });

  async function tracesOf(service: string, tags: Record<string, string>): Promise<readonly JaegerTrace[]> {
    const { data } = (await jaeger.query(tracesQuery(service, tags))) as { data: readonly JaegerTrace[] };
    return data;
  }

  /** Waits until the lookup of an app returns a trace with all its spans. */
  async function appTrace(service: string): Promise<JaegerTrace> {
    const until = performance.now() + longestWaitMs;
    for (;;) {
      const found = await tracesOf(service, { 'istio.cluster_id': 'Kubernetes' });
      const [trace] = found;
      if (trace?.spans.length === 3) return trace;
      assert.ok(performance.now() < until, `only ${JSON.stringify(found)}`);
      await sleep(200);
    }
  }

  test('The lookup of APP.NAMESPACE with the tag of the cluster finds the trace, over HTTP', async () => {
    for (const service of ['reviews.shop', 'gateway.shop']) assert.equal((await appTrace(service)).traceID, traceId);
    assert.deepEqual(await tracesOf('reviews.shop', { 'istio.cluster_id': 'another' }), []);
  });

  test('The lookup of APP.NAMESPACE with the tag of the cluster finds the trace, over gRPC', async () => {
    await appTrace('reviews.shop');
    const run = await grpcurl();
    const query = {
      service_name: 'reviews.shop',
      tags: { 'istio.cluster_id': 'Kubernetes' },
      start_time_min: new Date(Date.now() - 600_000).toISOString(),
      start_time_max: new Date(Date.now() + 1000).toISOString(),
      duration_min: '0s',
      search_depth: 100,
    };
    const proto = ['-import-path', import.meta.dirname, '-proto', 'jaeger-query.proto'];
    const method = (name: string, request: object) =>
      run(...proto, '-d', JSON.stringify(request), jaeger.grpc, `jaeger.api_v2.QueryService/${name}`);
    const { stdout, stderr } = await method('FindTraces', { query });
    const { spans } = JSON.parse(stdout || '{"spans":[]}') as { spans: readonly GrpcSpan[] };
    assert.equal(spans.length, 3, stderr);
    for (const span of spans) assert.equal(Buffer.from(span.traceId, 'base64').toString('hex'), traceId);
    const own = spans.filter(({ process }) => process.serviceName === 'reviews.shop');
    assert.deepEqual(
      own.map(({ process }) => process.tags.find(({ key }) => key === 'hostname')?.vStr),
      [pod],
    );
    const { services } = JSON.parse((await method('GetServices', {})).stdout) as { services: string[] };
    assert.deepEqual(services.sort(), ['gateway.shop', 'reviews.shop']);
  });

  test('The hostname of a workload matches its own spans only', async () => {
    const trace = await appTrace('reviews.shop');
    const matching = trace.spans.filter((span) => matchesWorkload(span, trace, 'reviews-v2'));
    assert.deepEqual(
      matching.map(({ processID }) => trace.processes[processID]?.serviceName),
      ['reviews.shop'],
    );
  });

  test('The old names of attributes fill the columns of the table', async () => {
    const { spans } = await appTrace('reviews.shop');
    const sortKey = (columns: Record<string, unknown>): string => `${columns['http.url']} ${columns['span.kind']}`;
    const authority = `127.0.0.1:${gateway.httpPort}`;
    assert.deepEqual(
      spans.map(columnsOf).sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)),
      [
        {
          'span.kind': 'server',
          'http.method': 'GET',
          'http.url': `http://${authority}/@reviews/~status=503/x?q=1`,
          'http.status_code': 502,
        },
        ...['client', 'server'].map((kind) => ({
          'span.kind': kind,
          'http.method': 'GET',
          'http.url': 'http://reviews:8080/~status=503/x?q=1',
          'http.status_code': 503,
        })),
      ],
    );
  });
});
