import { MeshmockError } from './error.ts';
import type { CallsPlan, Plan, PlanLimits } from './plan.ts';

/** The calls that the whole cascade of a plan makes at most: repeats and retries count each. */
export function countCalls(plan: Plan): number {
  if (plan.kind === 'answer') return 0;
  const below = countBelow(plan);
  return plan.stages
    .flat()
    .reduce(
      (sum, { times, options }, index) => sum + times * (1 + (options.retries ?? 0)) * (1 + (below[index] ?? 0)),
      0,
    );
}

/** What each call of a plan needs of the call budget below itself, in the order of the plan's calls. */
export function countBelow(plan: CallsPlan): number[] {
  const shared = plan.then === undefined ? 0 : countCalls(plan.then);
  return plan.stages.flatMap((stage) =>
    stage.map((call) => (call.then === undefined ? shared : countCalls(call.then))),
  );
}

/** The number of calls on the longest way from the root to a leaf. */
export function depthOf(plan: Plan): number {
  if (plan.kind === 'answer') return 0;
  let deepest = plan.then === undefined ? 0 : depthOf(plan.then);
  for (const stage of plan.stages) {
    for (const call of stage) {
      if (call.then !== undefined) deepest = Math.max(deepest, depthOf(call.then));
    }
  }
  return deepest + 1;
}

/** @throws MeshmockError `limit_exceeded` when the plan makes more calls than allowed. */
export function checkCount(plan: Plan, limits: PlanLimits, text?: string): void {
  const calls = countCalls(plan);
  if (calls <= limits.maxCalls) return;
  const expected = `a plan of at most ${limits.maxCalls} calls`;
  const message = `the plan makes ${calls} calls, ${limits.maxCalls} are allowed`;
  const offset = Math.max(0, text?.search(/@|%40/) ?? 0);
  throw new MeshmockError('limit_exceeded', message, text === undefined ? {} : { place: { text, offset, expected } });
}
