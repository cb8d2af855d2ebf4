import type { CallError, CallResult, RawReply } from '../reply/reply.ts';
import { makeCall, type Step } from './make-call.ts';
import { roundMs } from './round.ts';
import type { Run } from './run-stages.ts';
import { SummaryCollector } from './summary-collector.ts';

/**
 * Makes a call as often as its plan says, so many at once, and counts what came of it: it keeps counts, not replies.
 * It stands for the worst that happened: its status and error are those of the first call that failed, else of the first.
 */
export async function repeatCall(run: Run, step: Step, stop: AbortSignal): Promise<CallResult<RawReply>> {
  const { times, options } = step.call;
  const startedAt = performance.now();
  const collector = new SummaryCollector();
  let next = 0;
  const callInTurn = async (): Promise<void> => {
    while (next < times && !(stop.aborted && next > 0)) {
      const index = next++;
      collector.add(index, await makeCall(run, step, stop));
    }
  };
  await Promise.all(Array.from({ length: Math.min(times, options.concurrency ?? 1) }, callInTurn));
  const { reply: _reply, attempts: _attempts, ...standing } = collector.worst;
  const summary = collector.summary();
  const cutOff: { error?: CallError } =
    summary.count < times && stop.aborted ? { error: cutOffError(stop, summary.count, times) } : {};
  return {
    ...standing,
    ...cutOff,
    startMs: roundMs(startedAt - run.arrivedAt),
    durationMs: roundMs(performance.now() - startedAt),
    summary,
  };
}

function cutOffError(stop: AbortSignal, made: number, times: number): CallError {
  const { code, message } = stop.reason as CallError;
  return { code, message: `${message}: ${made} of ${times} calls were made` };
}
