import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Program, runProgram, startProgram } from '../program.ts';
import { callGrpc, callHttp } from '../running-mesh.ts';

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

/** How often something was measured, by the metric and its labels. */
async function counts(url: string): Promise<Record<string, number>> {
  const response = await fetch(url);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  const lines = (await response.text()).matchAll(/^(\w+)_seconds_count\{(.*)\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, name, labels, count]) => [`${name} ${labels}`, Number(count)]));
}

test('Prometheus finds requests and calls of both protocols, by what came of them', async () => {
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

test('what callers say in a header makes no series of its own', async () => {
  await using app = await serve();
  for (const scheme of ['https', 'evil-1', 'evil-2']) await callHttp(app.http, '/x', { 'x-forwarded-proto': scheme });
  const schemes = Object.keys(await counts(app.metrics)).map((key) => /url_scheme="(.*?)"/.exec(key)?.[1]);
  assert.deepEqual(schemes.sort(), ['http', 'https']);
});

test('durations are seconds, of the whole request', async () => {
  await using app = await serve();
  await callHttp(app.http, '/~delay=300ms/x');
  const page = await (await fetch(app.metrics)).text();
  const [, sum] = /^http_server_request_duration_seconds_sum\{.*\} ([\d.]+)$/m.exec(page) ?? [];
  assert.ok(Number(sum) >= 0.3 && Number(sum) < 3, page);
  assert.match(page, /^target_info\{service_name="app",service_version="v1",/m);
});

test('what the environment says of the resource counts more, as in spans', async () => {
  await using app = await serve({ OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=uid-1,k8s.pod.name=app-1' });
  const page = await (await fetch(app.metrics)).text();
  assert.match(page, /^target_info\{service_instance_id="uid-1",k8s_pod_name="app-1",service_name="app"/m);
});

test('any other path than /metrics is not found', async () => {
  await using app = await serve();
  const response = await fetch(`${app.metrics}/x`);
  assert.deepEqual([response.status, await response.text()], [404, 'metrics are at /metrics\n']);
});

test('a service with metrics ends at once on SIGTERM, Prometheus being connected', async () => {
  await using app = await serve();
  await counts(app.metrics);
  app.program.child.kill('SIGTERM');
  assert.equal(await app.program.exited(), 0);
});

test('the same goes to whatever exporter OTEL_METRICS_EXPORTER names', async () => {
  await using app = await serve({ OTEL_METRICS_EXPORTER: 'console' });
  await callHttp(app.http, '/x');
  assert.equal(Object.values(await counts(app.metrics))[0], 1);
  app.program.child.kill('SIGTERM');
  assert.equal(await app.program.exited(), 0);
  assert.match(app.program.stdout, /name: 'http\.server\.request\.duration',/);
});

test('a taken port is refused by its flag', async () => {
  await using app = await serve();
  const { host } = new URL(app.metrics);
  const { code, stderr } = await runProgram(['serve', '--http', ':0', '--grpc', ':0', '--metrics', host]);
  assert.equal(code, 2);
  assert.match(stderr, /is taken: choose another with --metrics/);
});
