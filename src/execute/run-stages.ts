import { formatPath } from '../plan/format.ts';
import { countAttempts, countCallsBelow } from '../plan/measure.ts';
import { type CallsPlan, sharedContinuation } from '../plan/plan.ts';
import type { CallResult, RawReply } from '../reply/reply.ts';
import type { RequestTrace } from '../telemetry/tracing.ts';
import type { Allowance } from './allowance.ts';
import type { IncomingRequest } from './incoming.ts';
import { makeCall, type Step } from './make-call.ts';
import { repeatCall } from './repeat-call.ts';
import type { Service } from './service.ts';

/** One request, and what was made of it when it arrived. */
export interface Received {
  readonly service: Service;
  readonly request: IncomingRequest;
  readonly trace: RequestTrace;
  readonly requestId: string;
  /** On the clock of `performance.now()`. */
  readonly arrivedAt: number;
}

/** One request while its plan is carried out. */
export interface Run extends Received {
  readonly allowance: Allowance;
  /** How much of a body is shown that is no reply. */
  readonly shownBodyBytes: number;
}

/**
 * Carries out the stages of a plan one after another, the calls of each at once.
 *
 * @param stop ends every call at once; its reason is the `CallError` to give back
 * @returns the results in the order of the plan, whatever finished first. Every stage runs; a failed call is a result too.
 */
export async function runStages(run: Run, plan: CallsPlan, stop: AbortSignal): Promise<CallResult<RawReply>[]> {
  const results: CallResult<RawReply>[] = [];
  for (const stage of planSteps(run, plan)) {
    results.push(...(await Promise.all(stage.map((step) => runStep(run, step, stop)))));
  }
  return results;
}

/** Shares out the call budget: each attempt gets what its plan needs, and an even part of what nobody needs. */
function planSteps({ service, request, requestId, allowance }: Run, plan: CallsPlan): Step[][] {
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

function runStep(run: Run, step: Step, stop: AbortSignal): Promise<CallResult<RawReply>> {
  return step.call.times === 1 ? makeCall(run, step, stop) : repeatCall(run, step, stop);
}
