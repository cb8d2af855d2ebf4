import { MeshmockError } from './error.ts';
import type { Behaviour, Call, CallsPlan, Delay, Plan, PlanLimits } from './plan.ts';
import { formatDurationMs, formatSizeBytes } from './quantity.ts';

/** The calls that the whole cascade of a plan makes at most: repeats and retries count each. */
export function countCalls(plan: Plan): number {
  if (plan.kind === 'answer') return 0;
  const below = countBelow(plan);
  return plan.stages.flat().reduce((sum, call, index) => sum + countAttempts(call) * (1 + (below[index] ?? 0)), 0);
}

/** How often one call of a plan is made at most, all its repeats and their retries. */
export function countAttempts({ times, options }: Call): number {
  return times * (1 + (options.retries ?? 0));
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

/** What a behaviour should have kept to, for a person to read; undefined when it is within the limits. */
export function behaviourLimitProblem(behaviour: Behaviour, limits: PlanLimits): string | undefined {
  switch (behaviour.kind) {
    case 'delay':
      return longestOf(behaviour.delay) <= limits.deadlineMs
        ? undefined
        : `a delay within the deadline, at most ${formatDurationMs(limits.deadlineMs)}`;
    case 'cpu':
      return behaviour.durationMs <= limits.maxCpuMs
        ? undefined
        : `at most ${formatDurationMs(limits.maxCpuMs)} of CPU time`;
    case 'size':
      return behaviour.bytes <= limits.maxSizeBytes
        ? undefined
        : `a size of at most ${formatSizeBytes(limits.maxSizeBytes)}`;
    case 'memory':
      return behaviour.bytes <= limits.maxMemoryBytes
        ? undefined
        : `at most ${formatSizeBytes(limits.maxMemoryBytes)} of memory`;
    case 'status':
    case 'grpc-status':
    case 'close':
    case 'hang':
    case 'body':
    case 'header':
      return undefined;
  }
}

function longestOf(delay: Delay): number {
  switch (delay.kind) {
    case 'fixed':
      return delay.delayMs;
    case 'uniform':
      return delay.maxMs;
    case 'percentiles':
      return delay.points.at(-1)?.delayMs ?? 0;
  }
}
