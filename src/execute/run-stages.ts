import type { CallResult, RawReply } from '../reply/reply.ts';
import type { DeadlineSignal } from './concurrency/deadline-signal.ts';
import { makeCall } from './make-call.ts';
import type { CallsOfPlan } from './plans/calls-of-plan.ts';
import { repeatCall } from './repeat-call.ts';
import type { PlanContext, PlannedCall } from './request-context.ts';

/**
 * Runs the stages of a plan one after another, and the calls of each stage in parallel. The plan is not kept until they end:
 * that of a long chain is larger than all else that a request keeps.
 *
 * @param stop ends every call; its reason is the error of calls that it ends
 * @throws MeshmockError `overloaded` if there is no room for the results
 * @returns the results in the order of the plan. Every stage runs, because a failed call is a result too.
 */
export function runStages(
  context: PlanContext,
  calls: CallsOfPlan,
  stop: DeadlineSignal,
): Promise<CallResult<RawReply>[]> {
  takeBytes(context, calls);
  return runPlannedCalls(context, plannedCalls(context, calls), stop);
}

async function runPlannedCalls(
  context: PlanContext,
  stages: readonly PlannedCall[][],
  stop: DeadlineSignal,
): Promise<CallResult<RawReply>[]> {
  const results: CallResult<RawReply>[] = [];
  for (const stage of stages) {
    const running = stage.map((planned) => runCall(context, planned, stop));
    const [only] = running;
    // Most stages have one call, and `Promise.all` costs a microsecond.
    if (only !== undefined && running.length === 1) results.push(await only);
    else results.push(...(await Promise.all(running)));
  }
  return results;
}

/** Memory of the result of one call, without what it received, in bytes. */
const resultBytes = 1024;

function takeBytes({ service, request }: PlanContext, { results }: CallsOfPlan): void {
  const refusedBy = request.budget.reserve(results * resultBytes);
  if (refusedBy !== undefined) throw service.budgets.error(refusedBy);
}

/**
 * Returns the calls of each stage, with their shares of the call budget. Each attempt gets the calls that its plan
 * needs, and an even part of the rest.
 */
function plannedCalls(
  { service, request, requestId, allowance }: PlanContext,
  { stages, attempts, neededCalls }: CallsOfPlan,
): PlannedCall[][] {
  const forwarded = service.forwarder.pick(request.headers, request.protocol, requestId);
  const share = Math.floor((allowance.maxCalls - neededCalls) / attempts);
  return stages.map((calls, stage) =>
    calls.map(({ call, path, calledMethod, neededBelow }) => ({
      call: service.servicePorts.resolve(call),
      path,
      calledMethod,
      stage,
      budget: neededBelow + share,
      forwarded,
    })),
  );
}

function runCall(context: PlanContext, planned: PlannedCall, stop: DeadlineSignal): Promise<CallResult<RawReply>> {
  return planned.call.times === 1 ? makeCall(context, planned, stop) : repeatCall(context, planned, stop);
}
