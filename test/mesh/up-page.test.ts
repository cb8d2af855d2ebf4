import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TraceList, TraceView } from '../../src/page/model/mesh-page-data.ts';
import { startProgram } from '../program.ts';
import { startJaeger } from './tools.ts';

test('the page of a mesh of processes shows the traces of its Jaeger', async () => {
  await using jaeger = await startJaeger();
  const traceUrl = `${jaeger.url}/trace/{traceId}`;
  const ports = ['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--page', 'localhost:0'];
  await using up = startProgram(['up', ...ports, '--trace-url', traceUrl], {
    OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlp,
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
  });
  await up.printed(/Ctrl-C/);
  const url = /in a browser: (\S+)/.exec(up.stdout)?.[1] ?? '';
  const entry = /gateway +http localhost:(\d+)/.exec(up.stdout)?.[1];
  const { traceId } = (await (await fetch(`http://localhost:${entry}/@service1/@service2/x`)).json()) as {
    traceId: string;
  };
  const read = async <Data>(path: string): Promise<Data> => (await (await fetch(url + path)).json()) as Data;
  let found: TraceList['traces'][number] | undefined;
  for (let tries = 0; (found?.spans ?? 0) < 5 && tries < 300; tries++) {
    await sleep(200);
    found = (await read<TraceList>('-/mesh/traces')).traces.find((one) => one.traceId === traceId);
  }
  assert.deepEqual([...(found?.services ?? [])].sort(), ['gateway', 'service1', 'service2']);
  const { spans } = await read<TraceView>(`-/mesh/trace?id=${traceId}`);
  assert.equal(spans.length, found?.spans);
  assert.ok(spans.every(({ origin }) => origin === 'app'));
});
