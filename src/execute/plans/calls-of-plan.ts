import { formatPath } from '../../plan/format.ts';
import { type CalledMethod, calledMethod } from '../../plan/grpc-method.ts';
import { callsBelow, countAttempts } from '../../plan/measure.ts';
import { type Call, type CallsPlan, sharedContinuation } from '../../plan/plan.ts';

/** Calls of a plan, and all that follows from the plan alone. */
export interface CallsOfPlan {
  readonly stages: readonly (readonly CallOfPlan[])[];
  /** Number of times that the calls are made, with their repeats and retries. */
  readonly attempts: number;
  /** Number of calls that they and their callees make together. */
  readonly neededCalls: number;
  /** Number of results that they have, at most. */
  readonly results: number;
}

export interface CallOfPlan {
  /** The call, without its own continuation. */
  readonly call: Call;
  /** Canonical path of the callee's plan. */
  readonly path: string;
  /** gRPC method that the callee's plan names. */
  readonly calledMethod: CalledMethod | undefined;
  /** Number of calls that the callee's plan needs. */
  readonly neededBelow: number;
}

/** Number of results from which those of a repeated call take no more memory: it keeps counts of so many values. */
const mostResults = 1000;

/** Returns the calls of the stages of a plan. They do not refer to the plan or to continuations, which may be long. */
export function callsOfPlan(plan: CallsPlan): CallsOfPlan {
  const needOf = callsBelow(plan);
  const shared = sharedContinuation(plan);
  const sharedPath = formatPath(shared);
  let attempts = 0;
  let neededCalls = 0;
  let results = 0;
  const stages = plan.stages.map((calls) =>
    calls.map((call) => {
      const count = countAttempts(call);
      const neededBelow = needOf(call);
      attempts += count;
      neededCalls += count * (1 + neededBelow);
      results += Math.min(count, mostResults);
      return {
        call: call.then === undefined ? call : { ...call, then: undefined },
        path: call.then === undefined ? sharedPath : formatPath(call.then),
        calledMethod: calledMethod(call.scheme, call.then ?? shared),
        neededBelow,
      };
    }),
  );
  return { stages, attempts, neededCalls, results };
}
