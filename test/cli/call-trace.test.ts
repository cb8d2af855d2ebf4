import assert from 'node:assert/strict';
import { mkdtempDisposableSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type OtlpReceiver, startOtlpReceiver } from '../otlp-receiver.ts';
import { runProgram, type ServedProgram, startServe } from '../program.ts';
import { startForeignServer } from '../running-mesh.ts';

suite('meshmock call --trace, with an endpoint that answers as Jaeger does', () => {
  let receiver: OtlpReceiver;
  let gateway: ServedProgram;
  let dark: ServedProgram;
  let leaf: ServedProgram;
  before(async () => {
    receiver = await startOtlpReceiver();
    leaf = await startServe('leaf', [], { ...receiver.env, OTEL_BSP_SCHEDULE_DELAY: '700' });
    const toLeaf = ['--connect-to', `leaf:8080:127.0.0.1:${leaf.httpPort}`];
    dark = await startServe('dark', toLeaf);
    const toDark = ['--connect-to', `dark:8080:127.0.0.1:${dark.httpPort}`];
    gateway = await startServe('gateway', [...toLeaf, ...toDark], receiver.env);
  });
  after(async () => {
    for (const service of [gateway, dark, leaf]) await service[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  const call = (plan: string, ...args: string[]) =>
    runProgram(['call', `localhost:${gateway.httpPort}${plan}`, '--trace', receiver.url, ...args]);

  test('waits for late spans, and reports a complete trace', async () => {
    const { code, stdout } = await call('/@leaf,leaf/x');
    assert.match(
      stdout,
      /^pass {2}trace [0-9a-f]{32} in http:\/\/127.0.0.1:\d+ is whole\n {6}seen: 5 spans of 2 services, no sidecars; 2 calls, each once, parents and statuses right\n$/m,
    );
    assert.equal(code, 0);
  });

  test('checks the trace of each answer', async () => {
    const { code, stdout } = await call('/@leaf/x', '--repeat', '7', '--concurrency', '3');
    assert.match(stdout, /^pass {2}7 traces in \S+ are whole\n {6}seen: 7 of 7 whole; 21 spans of 2 services/m);
    assert.equal(code, 0);
    const tooMany = await call('/x', '--repeat', '1001');
    assert.match(tooMany.stderr, /--repeat must be at most 1000/);
    assert.equal(tooMany.code, 2);
  });

  test('names the service without spans, in text, JSON and JUnit, beside the expectations', async () => {
    const problem = /not exported: gateway → dark: dark exports no spans: set its exporter/;
    const args = ['--trace-timeout', '4s', '--expect', 'status = 200'];
    const text = await call('/@dark/@leaf/x', ...args);
    assert.match(text.stdout, /^pass {2}status = 200\n.*\nFAIL {2}trace \S+ in \S+ is whole\n {6}seen: 3 spans of 2/m);
    assert.match(text.stdout, problem);
    assert.equal(text.stdout.match(/^ {6}\w+ \w+: /gm)?.length, 1, text.stdout);
    assert.equal(text.code, 1);

    using folder = mkdtempDisposableSync(path.join(tmpdir(), 'meshmock-'));
    const file = path.join(folder.path, 'results.xml');
    const json = await call('/@dark/@leaf/x', ...args, '--json', '--junit', file);
    const { passed, traces } = JSON.parse(json.stdout);
    assert.equal(passed, false);
    assert.equal(traces.length, 1);
    assert.deepEqual(
      traces[0].findings.map(({ kind, where }: { kind: string; where: string[] }) => [kind, where]),
      [['not_exported', ['gateway', 'dark']]],
    );
    assert.equal(json.code, 1);
    const xml = readFileSync(file, 'utf8');
    assert.match(xml, /<testsuites tests="2" failures="1"/);
    assert.match(xml, problem);
  });

  test('reports at once that a request is not traced, or that a service makes no traces', async () => {
    const unsampled = `traceparent: 00-${'1'.repeat(32)}-${'2'.repeat(16)}-00`;
    const startedAt = performance.now();
    const first = await call('/@leaf/x', '--header', unsampled);
    assert.match(first.stdout, /not sampled: gateway: the request came with trace 1{32}, which is not sampled/);
    const second = await call('/@leaf/x', '--header', 'b3: 0');
    assert.match(second.stdout, /not sampled: gateway: the request turned tracing off/);
    const third = await runProgram(['call', `localhost:${dark.httpPort}/x`, '--trace', receiver.url]);
    assert.match(third.stdout, /not exported: dark: dark exports no spans/);
    assert.deepEqual([first.code, second.code, third.code], [1, 1, 1]);
    // Three programs start. If one of them waited for spans, that alone would take 10 s.
    assert.ok(performance.now() - startedAt < 20_000);
  });

  test('finds the parent span that the request itself names', async () => {
    const header = `traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const { code, stdout } = await call('/@leaf/x', '--header', header);
    assert.equal(code, 0, stdout);
  });

  test('reports a problem with Jaeger before it sends a request', async () => {
    await using foreign = await startForeignServer((_request, response) => response.end('hello'));
    await using target = await startForeignServer((_request, response) => response.end('hello'));
    const cases = [
      ['http://127.0.0.1:2', /ECONNREFUSED/],
      [`http://127.0.0.1:${foreign.port}`, /is not the query API of a Jaeger: its answer to \S+ is not JSON/],
      [`http://127.0.0.1:${dark.httpPort}`, /is not the query API of a Jaeger: it does not list its services/],
      ['localhost:16686', /"localhost:16686" is not the URL of a Jaeger, such as/],
    ] as const;
    for (const [url, message] of cases) {
      const { code, stderr } = await runProgram(['call', `localhost:${target.port}/x`, '--trace', url]);
      assert.match(stderr, message);
      assert.equal(code, 2);
    }
    assert.equal(target.requests.length, 0);
  });
});
