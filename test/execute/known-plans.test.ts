import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KnownPlans } from '../../src/execute/plans/known-plans.ts';
import { formatPath } from '../../src/plan/format.ts';
import { parsePath } from '../../src/plan/parse.ts';
import { defaultPlanLimits } from '../../src/plan/plan.ts';

const limits = (maxCalls: number, maxDepth = 50) => ({ ...defaultPlanLimits, maxCalls, maxDepth });
const tooMany = { code: 'limit_exceeded' };

test('a path that came before is not parsed again', () => {
  const plans = new KnownPlans();
  const first = plans.read('/@a|b,c/x', limits(10));
  assert.equal(plans.read('/@a|b,c/x', limits(10)), first);
  assert.equal(plans.read('/@a|b,c/x', limits(999)), first);
  assert.deepEqual(first.plan, parsePath('/@a|b,c/x'));
});

test('a known path is refused with the usual error if a request leaves it too few calls', () => {
  const plans = new KnownPlans();
  for (const path of ['/@a*3/x', '/@a/@b/@c/x', '/@a(/x)/@b/y', '/@a;retries=2/x']) {
    plans.read(path, limits(100));
    assert.throws(
      () => plans.read(path, limits(1)),
      (error: Error) => {
        assert.throws(() => parsePath(path, limits(1)), { ...tooMany, message: error.message });
        return true;
      },
    );
    assert.equal(formatPath(plans.read(path, limits(100)).plan), path);
  }
});

test('a known path is refused if a request leaves it too few hops', () => {
  const plans = new KnownPlans();
  plans.read('/@a/@b/@c/x', limits(100, 3));
  assert.throws(() => plans.read('/@a/@b/@c/x', limits(100, 2)), tooMany);
});

test('a known path is parsed once more for lower limits that suffice, and not again', () => {
  const plans = new KnownPlans();
  const first = plans.read('/@a/@b/x', limits(100));
  const second = plans.read('/@a/@b/x', limits(2, 2));
  assert.notEqual(second, first);
  assert.equal(plans.read('/@a/@b/x', limits(2, 2)), second);
  assert.equal(plans.read('/@a/@b/x', limits(100)), second);
});

test('known plans are forgotten before they take much memory', () => {
  const plans = new KnownPlans();
  const first = plans.read('/@a/first', limits(100));
  for (let index = 0; index < 2000; index++) plans.read(`/@a/${index}`, limits(100));
  assert.notEqual(plans.read('/@a/first', limits(100)), first);
});

test('paths with long bodies that are not in ASCII count with their encoded form, which is five times as long', () => {
  const plans = new KnownPlans();
  const pathOf = (index: number) => `/@a/~body=${'語'.repeat(4000)}${index}/x`;
  const first = plans.read(pathOf(0), limits(100));
  assert.equal(plans.read(pathOf(0), limits(100)), first);
  // 100 of them take 5 MB.
  for (let index = 1; index < 100; index++) plans.read(pathOf(index), limits(100));
  assert.notEqual(plans.read(pathOf(0), limits(100)), first);
});

test('a long path is not kept, and forgets no other', () => {
  const plans = new KnownPlans();
  const first = plans.read('/@a/x', limits(10_000));
  const long = `/@${Array.from({ length: 9000 }, () => 'a').join('|')}/x`;
  assert.notEqual(plans.read(long, limits(10_000)), plans.read(long, limits(10_000)));
  assert.equal(plans.read('/@a/x', limits(10_000)), first);
});

test('calls of a plan know the paths and the needs of their callees', () => {
  const { calls } = new KnownPlans().read('/@a*2(/@d/y)|b;retries=1,grpc:c/@e/x', limits(100));
  assert.deepEqual(
    calls?.stages.map((stage) => stage.map(({ path, neededBelow }) => [path, neededBelow])),
    [
      [
        ['/@d/y', 1],
        ['/@e/x', 1],
      ],
      [['/@e/x', 1]],
    ],
  );
  assert.deepEqual([calls?.attempts, calls?.neededCalls, calls?.results], [5, 10, 5]);
});
