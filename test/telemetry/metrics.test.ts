import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Program, runProgram, startProgram } from '../program.ts';
import { callGrpc, callHttp } from '../running-mesh.ts';

/** Service with metrics. */
interface Serving extends AsyncDisposable {
  readonly program: Program;
  readonly http: number;
  readonly grpc: number;
  readonly metrics: string;
}

async function serve(env: Record<string, string> = {}): Promise<Serving> {
  const listen = ['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--metrics', '127.0.0.1:0'];
  const program = startProgram(['serve', '--name', 'app', ...listen], env);
  const [, http, grpc, metrics] = await program.printed(/http 127.*:(\d+) grpc 127.*:(\d+) metrics (\S+)\n/);
  return {
    program,
    http: Number(http),
    grpc: Number(grpc),
    metrics: `http://${metrics}/metrics`,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** Returns the counts of histograms, by metric and labels. */
async function counts(url: string): Promise<Record<string, number>> {
  const response = await fetch(url);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  const lines = (await response.text()).matchAll(/^(\w+)_seconds_count\{(.*)\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, name, labels, count]) => [`${name} ${labels}`, Number(count)]));
}

test('Prometheus gets the durations of requests and calls of both protocols, by outcome', async () => {
  await using app = await serve();
  await callHttp(app.http, `/@127.0.0.1:${app.http}*3/~status=503/x`);
  await callGrpc(app.grpc, { path: `/@grpc:127.0.0.1:${app.grpc}/x` });
  await callHttp(app.http, '/@127.0.0.1:1/x');
  const at = (port: number): string => `server_address="127.0.0.1",server_port="${port}"`;
  const server = 'http_request_method="GET",http_route="/*",url_scheme="http"';
  const rpc = 'rpc_system_name="grpc",rpc_method="meshmock.v1.MeshMock/Call"';
  assert.deepEqual(await counts(app.metrics), {
    [`http_server_request_duration ${server},http_response_status_code="503",error_type="503"`]: 3,
    [`http_server_request_duration ${server},http_response_status_code="502",error_type="502"`]: 2,
    [`http_client_request_duration http_request_method="GET",${at(app.http)},http_response_status_code="503",error_type="503"`]: 3,
    [`http_client_request_duration http_request_method="GET",${at(1)},error_type="refused"`]: 1,
    [`rpc_server_call_duration ${rpc},rpc_response_status_code="OK"`]: 2,
    [`rpc_client_call_duration ${rpc},${at(app.grpc)},rpc_response_status_code="OK"`]: 1,
  });
});

test('values that callers choose do not create series', async () => {
  await using app = await serve();
  for (const scheme of ['https', 'evil-1', 'evil-2']) await callHttp(app.http, '/x', { 'x-forwarded-proto': scheme });
  const schemes = Object.keys(await counts(app.metrics)).map((key) => /url_scheme="(.*?)"/.exec(key)?.[1]);
  assert.deepEqual(schemes.sort(), ['http', 'https']);
});

test('gRPC methods have series of their own, and those that callers invent do not create more than a hundred', async () => {
  await using app = await serve();
  const methods = async (metric: string): Promise<string[]> =>
    Object.keys(await counts(app.metrics)).flatMap(
      (key) => new RegExp(`^${metric} .*rpc_method="(.*?)"`).exec(key)?.[1] ?? [],
    );
  await callHttp(app.http, `/@grpc:127.0.0.1:${app.grpc}/shop.Basket/Get`);
  assert.deepEqual(await methods('rpc_server_call_duration'), ['shop.Basket/Get']);
  assert.deepEqual(await methods('rpc_client_call_duration'), ['shop.Basket/Get']);
  const targets = Array.from({ length: 300 }, (_, index) => `grpc:127.0.0.1:${app.grpc}(/shop.Basket/Get${index})`);
  await callHttp(app.http, `/@${targets.join('|')}`);
  for (const metric of ['rpc_server_call_duration', 'rpc_client_call_duration']) {
    // A busy machine refuses some of the calls, and a method then has series of two statuses.
    const found = new Set(await methods(metric));
    assert.equal(found.size, 100);
    assert.ok(found.has('_OTHER'));
  }
});

test('durations are in seconds, and cover the whole request', async () => {
  await using app = await serve();
  await callHttp(app.http, '/~delay=300ms/x');
  const page = await (await fetch(app.metrics)).text();
  const [, sum] = /^http_server_request_duration_seconds_sum\{.*\} ([\d.]+)$/m.exec(page) ?? [];
  assert.ok(Number(sum) >= 0.299 && Number(sum) < 30, page);
  assert.match(page, /^target_info\{service_name="app",service_version="v1",/m);
});

test('resource attributes of the environment win, as in spans', async () => {
  await using app = await serve({ OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=uid-1,k8s.pod.name=app-1' });
  const page = await (await fetch(app.metrics)).text();
  assert.match(page, /^target_info\{service_instance_id="uid-1",k8s_pod_name="app-1",service_name="app"/m);
});

test('a path other than /metrics is not found', async () => {
  await using app = await serve();
  const response = await fetch(`${app.metrics}/x`);
  assert.deepEqual([response.status, await response.text()], [404, 'metrics are at /metrics\n']);
});

test('a service with metrics ends at once on SIGTERM, also while Prometheus is connected', async () => {
  await using app = await serve();
  await counts(app.metrics);
  app.program.child.kill('SIGTERM');
  assert.equal(await app.program.exited(), 0);
});

test('the exporter in OTEL_METRICS_EXPORTER gets the same metrics, and those of the SDK about spans of hops', async () => {
  const sdk = { OTEL_TRACES_EXPORTER: 'console', OTEL_NODE_EXPERIMENTAL_SDK_METRICS: 'true' };
  await using app = await serve({ OTEL_METRICS_EXPORTER: 'console', ...sdk });
  await callHttp(app.http, '/x');
  assert.equal(Object.values(await counts(app.metrics))[0], 1);
  app.program.child.kill('SIGTERM');
  assert.equal(await app.program.exited(), 0);
  assert.match(app.program.stdout, /name: 'http\.server\.request\.duration',/);
  assert.match(app.program.stdout, /name: 'GET \/\*',/);
  assert.match(app.program.stdout, /name: 'otel\.sdk\.span\.started',[\s\S]*?value: 1\b/);
  assert.match(app.program.stdout, /name: 'otel\.sdk\.span\.live',[\s\S]*?value: 0\b/);
});

test('the error of a taken port names the flag', async () => {
  await using app = await serve();
  const { host } = new URL(app.metrics);
  const { code, stderr } = await runProgram(['serve', '--http', ':0', '--grpc', ':0', '--metrics', host]);
  assert.equal(code, 2);
  assert.match(stderr, /is taken: choose another with --metrics/);
});

test('Prometheus gets the resources that a service holds, what it refused, and its limits', async () => {
  await using app = await serve({ MESHMOCK_MAX_OPEN_CALLS: '1' });
  await callHttp(app.http, `/@127.0.0.1:${app.http}|127.0.0.1:${app.http}/x`);
  const hanging = new AbortController();
  const hung = fetch(`http://127.0.0.1:${app.http}/~hang/x`, { signal: hanging.signal }).catch(() => {});
  const value = async (metric: string): Promise<number> => {
    const page = await (await fetch(app.metrics)).text();
    const line = page.split('\n').find((each) => each.startsWith(`${metric} `));
    assert.ok(line !== undefined, `${metric} in ${page}`);
    return Number(line.split(' ').at(-1));
  };
  while ((await value('meshmock_requests_in_flight')) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(await value('meshmock_requests_in_flight'), 1);
  assert.equal(await value('meshmock_calls_in_flight'), 0);
  assert.ok((await value('meshmock_connections')) >= 1);
  assert.equal(await value('meshmock_held_bytes'), 0);
  assert.ok((await value('meshmock_memory_bytes')) > 0);
  assert.equal(await value('meshmock_refused_total{bound="max-open-calls"}'), 1);
  assert.equal(await value('meshmock_refused_total{bound="max-requests"}'), 0);
  assert.equal(await value('meshmock_limit{bound="max-open-calls"}'), 1);
  assert.equal(await value('meshmock_limit{bound="read-timeout"}'), 15_000);
  hanging.abort();
  await hung;
});
