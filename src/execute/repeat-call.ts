import type { CallError, CallResult, RawReply } from '../reply/reply.ts';
import { isFailed } from '../reply/status.ts';
import { roundMs } from './concurrency/round-ms.ts';
import { runConcurrently } from './concurrency/run-concurrently.ts';
import { makeCall, type Step } from './make-call.ts';
import type { Run } from './run-stages.ts';
import { SummaryCollector } from './summary-collector.ts';

/**
 * Makes a call as often as its plan says, so many at once, and counts what came of it: it keeps counts, not replies.
 * It stands for the worst that happened: its status and error are those of the first call that failed, else of the first.
 */
export async function repeatCall(run: Run, step: Step, stop: AbortSignal): Promise<CallResult<RawReply>> {
  const { times, options } = step.call;
  if (stop.aborted) return makeCall(run, step, stop);
  const startedAt = performance.now();
  const collector = new SummaryCollector();
  await runConcurrently(
    times,
    options.concurrency ?? 1,
    () => !stop.aborted,
    async (index) => collector.add(index, await makeCall(run, step, stop)),
  );
  const summary = collector.summary();
  const unmade = times - summary.count;
  return {
    ...standingFor(collector.worst, unmade > 0 ? (stop.reason as CallError) : undefined),
    startMs: roundMs(startedAt - run.arrivedAt),
    durationMs: roundMs(performance.now() - startedAt),
    summary: unmade > 0 ? { ...summary, unmade } : summary,
  };
}

/** What stands for all of them. That the rest was not made is an error, when there is no worse. */
function standingFor(worst: CallResult<RawReply>, cutOff: CallError | undefined): CallResult<RawReply> {
  const { reply: _reply, attempts: _attempts, headers: _headers, body: _body, bodyBytes: _bytes, ...rest } = worst;
  // Of one call, which the samples show: the others have spans too.
  const { spanId: _spanId, ...standing } = rest;
  if (cutOff === undefined || isFailed(worst)) return standing;
  const { status: _status, grpcStatus: _grpcStatus, mesh: _mesh, ...call } = standing;
  return { ...call, answeredBy: 'nobody', error: cutOff };
}
