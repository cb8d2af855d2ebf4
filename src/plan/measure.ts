import { MeshmockError } from '../error/meshmock-error.ts';
import type { Behaviour, Call, CallsPlan, Delay, Plan, PlanLimits } from './plan.ts';
import { formatDurationMs, formatSizeBytes } from './quantity.ts';

/** Returns the largest number of calls that the whole cascade of a plan makes. Each repeat and each retry counts. */
export function countCalls(plan: Plan): number {
  if (plan.kind === 'answer') return 0;
  const needOf = callsBelow(plan);
  let sum = 0;
  for (const calls of plan.stages) for (const call of calls) sum += countAttempts(call) * (1 + needOf(call));
  return sum;
}

/** Returns the largest number of times that a call is made, with its repeats and their retries. */
export function countAttempts({ times, options }: Call): number {
  return times * (1 + (options.retries ?? 0));
}

/** Returns a function that counts the calls below each call of a plan. */
export function callsBelow({ then }: CallsPlan): (call: Call) => number {
  const shared = then === undefined ? 0 : countCalls(then);
  return (call) => (call.then === undefined ? shared : countCalls(call.then));
}

/** Returns the number of calls in the longest chain of a plan. */
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

/** Place of an error, as `MeshmockError` takes it. */
type ErrorPlace = NonNullable<ConstructorParameters<typeof MeshmockError>[2]>;

/**
 * Checks that a plan does not make more calls than its limit.
 *
 * @param placeOf returns the place of a call in the text or message of the plan, for the error
 * @throws MeshmockError `limit_exceeded`, at the call that exceeds the limit
 */
export function checkCallCount(
  plan: Plan,
  limits: PlanLimits,
  placeOf: (call: Call, expected: string) => ErrorPlace,
): void {
  const calls = countCalls(plan);
  if (calls <= limits.maxCalls || plan.kind === 'answer') return;
  const shown = calls < mostShownCalls ? String(calls) : `more than ${mostShownCalls}`;
  const message = `the plan makes ${shown} calls, the limit is ${limits.maxCalls}`;
  const where = placeOf(firstExcessCall(plan, limits.maxCalls), `a plan of at most ${limits.maxCalls} calls`);
  throw new MeshmockError('limit_exceeded', where.field === undefined ? message : `${where.field}: ${message}`, where);
}

const mostShownCalls = 1_000_000_000;

/** Returns the first call, from the left, with which the plan exceeds the limit. If one call multiplies others beyond the
 * limit, the result is the call that multiplies. */
function firstExcessCall(plan: CallsPlan, maxCalls: number): Call {
  const needOf = callsBelow(plan);
  const calls = plan.stages.flat();
  let left = maxCalls;
  for (const call of calls) {
    const needed = needOf(call);
    const continuation = call.then ?? plan.then;
    if (needed > left - 1 && left > 0 && continuation?.kind === 'calls') return firstExcessCall(continuation, left - 1);
    left -= countAttempts(call) * (1 + needed);
    if (left < 0) return call;
  }
  return calls[0] as Call;
}

/** Checks a behaviour against the limits. Returns a description of the limit that it exceeds, or undefined. */
export function behaviourLimitProblem(behaviour: Behaviour, limits: PlanLimits): string | undefined {
  switch (behaviour.kind) {
    case 'delay':
      return longestOf(behaviour.delay) <= limits.deadlineMs
        ? undefined
        : `a delay within the deadline of a request, at most ${formatDurationMs(limits.deadlineMs)}`;
    case 'chunks':
    case 'events':
      return (behaviour.count - 1) * behaviour.intervalMs <= limits.deadlineMs
        ? undefined
        : `parts within the deadline of a request, at most ${formatDurationMs(limits.deadlineMs)} together`;
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
    case 'trailer':
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
