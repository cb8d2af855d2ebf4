import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram } from '../program.ts';
import { callHttp } from '../running-mesh.ts';
import { type Jaeger, startJaeger } from './tools.ts';

interface JaegerTrace {
  readonly data: readonly {
    readonly spans: readonly {
      readonly spanID: string;
      readonly processID: string;
      readonly references: readonly { readonly spanID: string }[];
    }[];
    readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
  }[];
}

const longestWaitMs = 60_000;

/** Repeats a query until its answer is complete. */
async function ask<T>(query: () => Promise<unknown>, isComplete: (answer: T) => boolean): Promise<T> {
  const until = performance.now() + longestWaitMs;
  for (;;) {
    const answer = (await query()) as T | undefined;
    if (answer !== undefined && isComplete(answer)) return answer;
    assert.ok(performance.now() < until, `Jaeger has only ${JSON.stringify(answer)}`);
    await sleep(200);
  }
}

suite('A real Jaeger', { timeout: 240_000 }, () => {
  let jaeger: Jaeger;
  before(async () => {
    jaeger = await startJaeger();
  });
  after(() => jaeger[Symbol.asyncDispose]());

  test('Jaeger has the complete trace of a mixed cascade, and its graph of dependencies', async () => {
    await using up = startProgram(['up', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'], {
      OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlp,
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    });
    const [, http] = await up.printed(/gateway +http localhost:(\d+)[\s\S]*Ctrl-C/);
    const { traceId } = await callHttp(
      Number(http),
      '/@service1|service2:8080[end-user=jason]/@grpc:service3,service4/hello',
    );
    const trace = await ask<JaegerTrace>(
      () => jaeger.query(`/api/traces/${traceId}`),
      ({ data }) => data[0]?.spans.length === 13,
    );
    const { spans = [], processes = {} } = trace.data[0] ?? {};
    const known = new Set(spans.map(({ spanID }) => spanID));
    const roots = spans.filter(({ references }) => references.length === 0);
    assert.equal(roots.length, 1);
    assert.ok(spans.every(({ references }) => references.every(({ spanID }) => known.has(spanID))));
    const names = new Set(spans.map(({ processID }) => processes[processID]?.serviceName));
    assert.deepEqual([...names].sort(), ['gateway', 'service1', 'service2', 'service3', 'service4']);

    const edges = await ask<{ data: readonly { parent: string; child: string }[] }>(
      () => jaeger.query(`/api/dependencies?endTs=${Date.now() + 60_000}&lookback=3600000`),
      ({ data }) => data.filter(({ parent, child }) => parent !== child).length >= 6,
    );
    // The memory store adds an edge from each service to itself if a span is below another span of the service.
    const others = edges.data.filter(({ parent, child }) => parent !== child);
    assert.deepEqual(others.map(({ parent, child }) => `${parent} ${child}`).sort(), [
      'gateway service1',
      'gateway service2',
      'service1 service3',
      'service1 service4',
      'service2 service3',
      'service2 service4',
    ]);
  });
});
