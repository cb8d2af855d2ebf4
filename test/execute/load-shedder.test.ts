import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { arrivalsAt, type Handled, percentile, simulateCallers, simulateLoop } from './simulated-loop.ts';

const maxWaitMs = 3;
/** Costs of a plain request on one core. */
const costs = { answerMs: 0.06, refuseMs: 0.02 };
const capacity = 1000 / costs.answerMs;
/** Time within which an overload is known, and its first requests are answered or refused. */
const beginMs = 500;

/** Returns the latencies of the requests that were admitted, or of those that were refused. */
function latencies(handled: readonly Handled[], isAdmitted: boolean): number[] {
  return handled.filter((request) => request.isAdmitted === isAdmitted).map(({ latencyMs }) => latencyMs);
}

function refusedCount(handled: readonly Handled[]): number {
  return latencies(handled, false).length;
}

suite('A load shedder', () => {
  test('admits everything below the capacity', () => {
    assert.equal(
      refusedCount(simulateLoop(maxWaitMs, { ...costs, arrivals: arrivalsAt(0.95 * capacity, 0, 5000) })),
      0,
    );
  });

  test('admits a burst that ends by itself', () => {
    assert.equal(
      refusedCount(simulateLoop(maxWaitMs, { ...costs, arrivals: Array.from({ length: 1500 }, () => 0) })),
      0,
    );
  });

  test('admits everything although the loop often stops for a while', () => {
    const pauses = Array.from({ length: 50 }, (_, index) => ({ at: 200 * index, lengthMs: 30 }));
    const arrivals = arrivalsAt(0.7 * capacity, 0, 10_000);
    assert.equal(refusedCount(simulateLoop(maxWaitMs, { ...costs, arrivals, pauses })), 0);
  });

  for (const answerMs of [0.03, 0.3, 1.5])
    test(`never refuses 32 callers that wait for their answers, if a request takes ${answerMs} ms`, () => {
      assert.equal(refusedCount(simulateCallers(maxWaitMs, 32, { ...costs, answerMs, lengthMs: 5000 })), 0);
    });

  for (const load of [1.2, 2])
    test(`keeps the waits short and the loop busy at ${load} times the capacity`, () => {
      const all = simulateLoop(maxWaitMs, { ...costs, arrivals: arrivalsAt(load * capacity, 0, 5000) });
      const handled = all.filter(({ arrivedAt }) => arrivedAt > beginMs);
      const admitted = latencies(handled, true);
      const refused = latencies(handled, false);
      assert.ok(percentile(admitted, 99) <= 1.2 * maxWaitMs, `admitted ${percentile(admitted, 99)} ms`);
      assert.ok(percentile(refused, 99) <= 2 * maxWaitMs, `refused ${percentile(refused, 99)} ms`);
      // The refusals leave this part of the capacity.
      const left = (5000 - beginMs - refused.length * costs.refuseMs) / costs.answerMs;
      assert.ok(admitted.length > 0.95 * left, `${admitted.length} of ${left}`);
    });

  test('keeps the waits short relative to expensive requests, at four times the capacity', () => {
    const arrivals = arrivalsAt(4 * 1000, 0, 5000);
    const all = simulateLoop(maxWaitMs, { arrivals, answerMs: 1, refuseMs: 0.02 });
    const admitted = latencies(
      all.filter(({ arrivedAt }) => arrivedAt > beginMs),
      true,
    );
    // 16 requests in each of two turns, and the refusals.
    assert.ok(percentile(admitted, 99) <= 2 * 16, `admitted ${percentile(admitted, 99)} ms`);
    assert.ok(admitted.length > 0.9 * (5000 - beginMs), `${admitted.length}`);
  });

  test('admits some requests even if refusals alone need more time than there is', () => {
    const arrivals = arrivalsAt(1.5 / (costs.refuseMs / 1000), 0, 1000);
    const late = simulateLoop(maxWaitMs, { ...costs, arrivals }).filter(({ arrivedAt }) => arrivedAt > beginMs);
    assert.ok(late.some(({ isAdmitted }) => isAdmitted));
  });

  test('admits everything again within a second after an overload', () => {
    const arrivals = [...arrivalsAt(2 * capacity, 0, 5000), ...arrivalsAt(0.7 * capacity, 5000, 10_000)];
    const pauses = [{ at: 6000, lengthMs: 30 }];
    const handled = simulateLoop(maxWaitMs, { ...costs, arrivals, pauses });
    assert.equal(refusedCount(handled.filter(({ arrivedAt }) => arrivedAt > 5100)), 0);
  });

  test('admits everything without a limit', () => {
    assert.equal(refusedCount(simulateLoop(0, { ...costs, arrivals: arrivalsAt(4 * capacity, 0, 1000) })), 0);
  });
});
