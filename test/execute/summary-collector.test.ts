import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SummaryCollector } from '../../src/execute/summary-collector.ts';
import { type CallResult, RawReply } from '../../src/reply/reply.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function result(index: number, facts: Partial<CallResult<RawReply>> = {}): CallResult<RawReply> {
  const reply = { service: 'b', version: `v${index % 2}`, pod: `b-${index % 3}`, status: 200, body: 'x'.repeat(5000) };
  const json = JSON.stringify({ ...reply, body: `${index}${reply.body}` });
  return {
    target: 'b:8080',
    scheme: 'http',
    status: 200,
    durationMs: index % 100,
    answeredBy: 'service',
    reply: new RawReply(json),
    ...facts,
  };
}

test('the memory of a collector does not grow with the number of calls', () => {
  const collector = new SummaryCollector();
  const heapAfter = (from: number, to: number): number => {
    for (let index = from; index < to; index++) collector.add(index, result(index));
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const few = heapAfter(0, 1000);
  const many = heapAfter(1000, 20_000);
  // 19,000 replies would be 95 MB.
  assert.ok(many - few < 2_000_000, `${many - few} bytes`);
  assert.equal(collector.summary().count, 20_000);
});

test('percentiles are exact to three digits', () => {
  const collector = new SummaryCollector();
  for (let index = 0; index < 10_000; index++) collector.add(index, result(index, { durationMs: (index + 1) / 10 }));
  const { latencyMs } = collector.summary();
  assert.ok(latencyMs !== undefined);
  const { min, mean, p50, p90, p95, p99, max } = latencyMs;
  assert.deepEqual([min, mean, max], [0.1, 500.1, 1000]);
  for (const [measured, exact] of [
    [p50, 500],
    [p90, 900],
    [p95, 950],
    [p99, 990],
  ] as const)
    assert.ok(Math.abs(measured - exact) <= exact / 500, `${measured} for ${exact}`);
});

test('the first failed call represents all, or else the first that timed out, or else the first', () => {
  const timedOut = { error: { code: 'timeout', message: 'late' }, answeredBy: 'nobody' } as const;
  const collector = new SummaryCollector();
  collector.add(3, result(3, { status: 503 }));
  collector.add(2, result(2, { status: 500 }));
  collector.add(1, result(1, timedOut));
  collector.add(0, result(0));
  assert.equal(collector.worst.status, 500);
  const { samples } = collector.summary();
  assert.deepEqual(
    samples?.map(({ is, index }) => [is.join(), index]),
    [
      ['first', 0],
      ['slowest', 3],
      ['first_failed', 2],
    ],
  );
});

test('values after the first thousand share one count', () => {
  const collector = new SummaryCollector();
  for (let index = 0; index < 1500; index++) collector.add(index, result(index, { status: 1000 + index }));
  const { byStatus = {} } = collector.summary();
  assert.deepEqual([Object.keys(byStatus).length, byStatus['(others)']], [1001, 500]);
});
