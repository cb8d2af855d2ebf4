import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Budgets } from '../../src/execute/budgets/budgets.ts';
import { defaultBudgetLimits } from '../../src/execute/budgets/limits.ts';
import { applyDirectives, type DirectiveEffects } from '../../src/execute/directives/apply-directives.ts';
import { Chance } from '../../src/execute/directives/chance.ts';
import { CpuBurner } from '../../src/execute/directives/cpu-burner.ts';
import { MemoryHold } from '../../src/execute/directives/memory-hold.ts';
import { parsePath } from '../../src/plan/parse.ts';

const facts = { identity: { service: 'a', version: 'v1' }, attempt: 1 };

function budgetsOf10KB(): Budgets {
  return new Budgets({ ...defaultBudgetLimits, maxHeldBytes: 0 }, 10_000);
}

function memoryOf10KB(): MemoryHold {
  return new MemoryHold(budgetsOf10KB());
}

function apply(path: string, signal: AbortSignal, memory = memoryOf10KB()): Promise<DirectiveEffects> {
  const resources = { chance: new Chance('seed'), burner: new CpuBurner(0), memory, budgets: budgetsOf10KB() };
  return applyDirectives(resources, parsePath(path).directives, facts, {
    signal,
    deadlineAt: Number.POSITIVE_INFINITY,
  });
}

const { signal: never } = new AbortController();
const timeout = { code: 'timeout', message: 'no answer within 5 ms' };

suite('applyDirectives', () => {
  test('returns the effects of all directives, in their order', async () => {
    const effects = await apply('/~header[a=1]/~body=x/~delay=0ms/~header[b=2]/~status=201/', never);
    assert.deepEqual(effects.applied, ['header[a=1]', 'body=x', 'delay=0ms', 'header[b=2]', 'status=201']);
    assert.deepEqual(effects.headers, [
      { name: 'a', value: '1' },
      { name: 'b', value: '2' },
    ]);
    assert.deepEqual([effects.body, effects.status, effects.end.kind], ['x', 201, 'completed']);
  });

  test('skips a directive whose conditions do not hold', async () => {
    const { applied, end } = await apply('/~status=503:version=v2/~status=503:attempt=2/~body=x/', never);
    assert.deepEqual([applied, end.kind], [['body=x'], 'completed']);
  });

  test('stops after a status of 400 or more', async () => {
    const { applied, status, end } = await apply('/~status=503/~body=x/', never);
    assert.deepEqual([applied, status, end.kind], [['status=503'], 503, 'completed']);
  });

  test('stops after a reset', async () => {
    const { applied, end } = await apply('/~close/~body=x/', never);
    assert.deepEqual([applied, end.kind], [['close'], 'reset']);
  });

  test('keeps earlier effects when a directive fails, and leaves that directive out', async () => {
    const { applied, headers, releases, end } = await apply('/~header[a=1]/~memory=6KB/~memory=6KB/~body=x/', never);
    assert.deepEqual(applied, ['header[a=1]', 'memory=6KB']);
    assert.deepEqual([headers.length, releases.length], [1, 1]);
    assert.ok(end.kind === 'failed');
    assert.equal(end.error.code, 'overloaded');
  });

  test('frees memory that it held before a failure', async () => {
    const memory = memoryOf10KB();
    const { releases } = await apply('/~memory=6KB/~memory=6KB/', never, memory);
    for (const release of releases) release();
    assert.equal((await apply('/~memory=10KB/', never, memory)).end.kind, 'completed');
  });

  for (const [directive, shown] of [
    ['delay=10s', 'delay=10000ms'],
    ['hang', 'hang'],
    ['cpu=5s', 'cpu=5s'],
  ] as const)
    test(`keeps earlier effects when the deadline ends ${directive}, and lists that directive too`, async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(timeout), 5);
      const { applied, body, end } = await apply(`/~body=x/~${directive}/~status=503/`, controller.signal);
      assert.deepEqual([applied, body], [['body=x', shown], 'x']);
      assert.ok(end.kind === 'failed');
      assert.deepEqual([end.error.code, end.error.message], ['deadline_exceeded', timeout.message]);
    });

  test('reports an abort without a reason as canceled', async () => {
    const { end } = await apply('/~hang/', AbortSignal.abort());
    assert.ok(end.kind === 'failed');
    assert.equal(end.error.code, 'canceled');
  });
});
