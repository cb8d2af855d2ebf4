import { formatPath } from '../plan/format.ts';
import { countAttempts, countCallsBelow } from '../plan/measure.ts';
import { type CallsPlan, sharedContinuation } from '../plan/plan.ts';
import type { CallResult, RawReply } from '../reply/reply.ts';
import { makeCall } from './make-call.ts';
import { repeatCall } from './repeat-call.ts';
import type { PlanContext, PlannedCall } from './request-context.ts';

/**
 * Runs the stages of a plan one after another, and the calls of each stage in parallel.
 *
 * @param stop ends every call; its reason is the `CallError` of calls that it ends
 * @returns the results in the order of the plan. Every stage runs, because a failed call is a result too.
 */
export async function runStages(
  context: PlanContext,
  plan: CallsPlan,
  stop: AbortSignal,
): Promise<CallResult<RawReply>[]> {
  const results: CallResult<RawReply>[] = [];
  for (const stage of plannedCalls(context, plan)) {
    results.push(...(await Promise.all(stage.map((planned) => runCall(context, planned, stop)))));
  }
  return results;
}

/**
 * Returns the calls of each stage, with their shares of the call budget. Each attempt gets the calls that its plan
 * needs, and an even part of the rest.
 */
function plannedCalls({ service, request, requestId, allowance }: PlanContext, plan: CallsPlan): PlannedCall[][] {
  const forwarded = service.forwarder.pick(request.headers, request.protocol, requestId);
  const needs = countCallsBelow(plan);
  const attempts = plan.stages.flat().map(countAttempts);
  const needed = attempts.reduce((sum, count, index) => sum + count * (1 + (needs[index] ?? 0)), 0);
  const share = Math.floor((allowance.maxCalls - needed) / attempts.reduce((sum, count) => sum + count, 0));
  const sharedPath = formatPath(sharedContinuation(plan));
  let index = 0;
  return plan.stages.map((calls, stage) =>
    calls.map((call) => ({
      call,
      path: call.then === undefined ? sharedPath : formatPath(call.then),
      stage,
      budget: (needs[index++] ?? 0) + share,
      forwarded,
    })),
  );
}

function runCall(context: PlanContext, planned: PlannedCall, stop: AbortSignal): Promise<CallResult<RawReply>> {
  return planned.call.times === 1 ? makeCall(context, planned, stop) : repeatCall(context, planned, stop);
}
