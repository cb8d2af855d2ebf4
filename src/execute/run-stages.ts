import { formatPath } from '../plan/format.ts';
import { calledMethod } from '../plan/grpc-method.ts';
import { callsBelow, countAttempts } from '../plan/measure.ts';
import { type CallsPlan, sharedContinuation } from '../plan/plan.ts';
import type { CallResult, RawReply } from '../reply/reply.ts';
import type { DeadlineSignal } from './concurrency/deadline-signal.ts';
import { makeCall } from './make-call.ts';
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
  plan: CallsPlan,
  stop: DeadlineSignal,
): Promise<CallResult<RawReply>[]> {
  takeBytes(context, plan);
  return runPlannedCalls(context, plannedCalls(context, plan), stop);
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
/** Number of results from which those of a repeated call take no more: it keeps counts of so many values. */
const mostResults = 1000;

function takeBytes({ service, request }: PlanContext, { stages }: CallsPlan): void {
  let results = 0;
  for (const calls of stages) for (const call of calls) results += Math.min(countAttempts(call), mostResults);
  const refusedBy = request.budget.reserve(results * resultBytes);
  if (refusedBy !== undefined) throw service.budgets.error(refusedBy);
}

/**
 * Returns the calls of each stage, with their shares of the call budget. Each attempt gets the calls that its plan
 * needs, and an even part of the rest.
 */
function plannedCalls({ service, request, requestId, allowance }: PlanContext, plan: CallsPlan): PlannedCall[][] {
  const forwarded = service.forwarder.pick(request.headers, request.protocol, requestId);
  const needOf = callsBelow(plan);
  let attempts = 0;
  let needed = 0;
  for (const calls of plan.stages)
    for (const call of calls) {
      const count = countAttempts(call);
      attempts += count;
      needed += count * (1 + needOf(call));
    }
  const share = Math.floor((allowance.maxCalls - needed) / attempts);
  const shared = sharedContinuation(plan);
  const sharedPath = formatPath(shared);
  return plan.stages.map((calls, stage) =>
    calls.map((call) => ({
      call: service.servicePorts.resolve(call),
      path: call.then === undefined ? sharedPath : formatPath(call.then),
      calledMethod: calledMethod(call.scheme, call.then ?? shared),
      stage,
      budget: needOf(call) + share,
      forwarded,
    })),
  );
}

function runCall(context: PlanContext, planned: PlannedCall, stop: DeadlineSignal): Promise<CallResult<RawReply>> {
  return planned.call.times === 1 ? makeCall(context, planned, stop) : repeatCall(context, planned, stop);
}
