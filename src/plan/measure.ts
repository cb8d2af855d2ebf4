import { MeshmockError } from '../error/meshmock-error.ts';
import type { Behaviour, Call, CallsPlan, Delay, Plan, PlanLimits } from './plan.ts';
import { formatDurationMs, formatSizeBytes } from './quantity.ts';

/** The calls that the whole cascade of a plan makes at most: repeats and retries count each. */
export function countCalls(plan: Plan): number {
  if (plan.kind === 'answer') return 0;
  const below = countCallsBelow(plan);
  return plan.stages.flat().reduce((sum, call, index) => sum + countAttempts(call) * (1 + (below[index] ?? 0)), 0);
}

/** How often one call of a plan is made at most, all its repeats and their retries. */
export function countAttempts({ times, options }: Call): number {
  return times * (1 + (options.retries ?? 0));
}

/** What each call of a plan needs of the call budget below itself, in the order of the plan's calls. */
export function countCallsBelow(plan: CallsPlan): number[] {
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

/** Where an error lies, as `MeshmockError` takes it. */
type Where = NonNullable<ConstructorParameters<typeof MeshmockError>[2]>;

/**
 * @param whereIs where a call stands in what the plan was read from, and what was expected there
 * @throws MeshmockError `limit_exceeded` when the plan makes more calls than allowed, at the call that is too many
 */
export function checkCallCount(plan: Plan, limits: PlanLimits, whereIs: (call: Call, expected: string) => Where): void {
  const calls = countCalls(plan);
  if (calls <= limits.maxCalls || plan.kind === 'answer') return;
  const shown = calls < mostShownCalls ? String(calls) : `more than ${mostShownCalls}`;
  const message = `the plan makes ${shown} calls, ${limits.maxCalls} are allowed`;
  const where = whereIs(firstExcessCall(plan, limits.maxCalls), `a plan of at most ${limits.maxCalls} calls`);
  throw new MeshmockError('limit_exceeded', where.field === undefined ? message : `${where.field}: ${message}`, where);
}

const mostShownCalls = 1_000_000_000;

/** The call at which the calls become too many, read from the left: the one that multiplies them, if one alone does. */
function firstExcessCall(plan: CallsPlan, maxCalls: number): Call {
  const below = countCallsBelow(plan);
  const calls = plan.stages.flat();
  let left = maxCalls;
  for (const [index, call] of calls.entries()) {
    const needed = below[index] ?? 0;
    const continuation = call.then ?? plan.then;
    if (needed > left - 1 && left > 0 && continuation?.kind === 'calls') return firstExcessCall(continuation, left - 1);
    left -= countAttempts(call) * (1 + needed);
    if (left < 0) return call;
  }
  return calls[0] as Call;
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
