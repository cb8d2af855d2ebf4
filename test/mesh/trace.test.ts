import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { runProgram, type ServedProgram, startProgram, startServe } from '../program.ts';
import { type Jaeger, startJaeger } from './tools.ts';

suite('meshmock call --trace with a real Jaeger', { timeout: 240_000 }, () => {
  let jaeger: Jaeger;
  let env: Record<string, string>;
  before(async () => {
    jaeger = await startJaeger();
    env = { OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlp, OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' };
  });
  after(() => jaeger[Symbol.asyncDispose]());

  test('The trace of a mixed cascade is complete, over both protocols and for each of many requests', async () => {
    await using up = startProgram(['up', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'], env);
    const [, http, grpc] = await up.printed(/gateway +http localhost:(\d+) +grpc localhost:(\d+)[\s\S]*Ctrl-C/);
    const plan = '/@service1|service2:8080[end-user=jason]/@grpc:service3,service4/hello';
    for (const url of [`localhost:${http}${plan}`, `grpc:localhost:${grpc}${plan}`]) {
      const { code, stdout } = await runProgram(['call', url, '--trace', jaeger.url]);
      assert.match(stdout, /seen: 13 spans of 5 services, no sidecars; 6 calls, each once/);
      assert.equal(code, 0);
    }
    const failing = `/@service1;retries=2/~status=503:attempt<3/@grpc:service2*5/~status=503:1in2/x`;
    const { code, stdout } = await runProgram([
      ...['call', `localhost:${http}${failing}`, '--trace', jaeger.url],
      ...['--repeat', '20', '--concurrency', '4'],
    ]);
    assert.match(stdout, /seen: 20 of 20 whole/);
    assert.equal(code, 0);
  });

  test('The trace of calls over TCP is complete: single, repeated, and failed ones', async () => {
    const started: ServedProgram[] = [];
    try {
      const quiet = ['--tcp', '127.0.0.1:0'];
      for (const [name, flags] of [
        ['leaf', quiet],
        ['sick', [...quiet, '--behaviour', '/~status=503']],
        ['gateway', []],
      ] as const)
        started.push(await startServe(name, flags, env));
      const [leaf, sick, gateway] = started.map(({ stdout, httpPort }) => ({
        httpPort,
        tcp: `tcp:127.0.0.1:${/ tcp \S+:(\d+)/.exec(stdout)?.[1]}`,
      }));
      const targets = [`${leaf?.tcp}`, `${leaf?.tcp}*4`, `${sick?.tcp};retries=2`, 'tcp:127.0.0.1:1*3'];
      for (const target of targets) {
        const url = `localhost:${gateway?.httpPort}/@${target}/x`;
        const { code, stdout } = await runProgram(['call', url, '--trace', jaeger.url]);
        assert.match(stdout, /^pass {2}trace [0-9a-f]{32} in \S+ is whole/m, target);
        assert.equal(code, 0);
      }
    } finally {
      for (const service of started) await service[Symbol.asyncDispose]();
    }
  });

  test('A service that exports no spans is named, and the exit code is 1', async () => {
    const started: ServedProgram[] = [];
    try {
      const leaf = await startServe('service2');
      started.push(leaf);
      const route = `service2:8080:127.0.0.1:${leaf.httpPort}`;
      const gateway = await startServe('gateway', ['--connect-to', route], env);
      started.push(gateway);
      const url = `localhost:${gateway.httpPort}/@service2/x`;
      const { code, stdout } = await runProgram(['call', url, '--trace', jaeger.url, '--trace-timeout', '2s']);
      assert.match(
        stdout,
        /^FAIL {2}trace [0-9a-f]{32} in \S+ is whole\n {6}seen: 2 spans of 1 service, no sidecars\n/m,
      );
      assert.match(stdout, /^ {6}not exported: gateway → service2: service2 exports no spans: set its exporter/m);
      assert.equal(code, 1);
    } finally {
      for (const service of started) await service[Symbol.asyncDispose]();
    }
  });
});
