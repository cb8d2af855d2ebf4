import type { CallError, CallResult, RawReply } from '../reply/reply.ts';
import { isFailed } from '../reply/status.ts';
import { PartialAccount } from './budgets/byte-account.ts';
import type { DeadlineSignal } from './concurrency/deadline-signal.ts';
import { roundMs } from './concurrency/round-ms.ts';
import { runConcurrently } from './concurrency/run-concurrently.ts';
import { makeCall } from './make-call.ts';
import type { PlanContext, PlannedCall } from './request-context.ts';
import { SummaryCollector } from './summary-collector.ts';

/**
 * Makes a call as often as its plan says, and summarizes the results: it keeps counts and a few samples of replies.
 * Status and error of the result are those of the first call that failed, or else of the first call.
 */
export async function repeatCall(
  context: PlanContext,
  planned: PlannedCall,
  stop: DeadlineSignal,
): Promise<CallResult<RawReply>> {
  const { times, options } = planned.call;
  if (stop.reason !== undefined) return makeCall(context, planned, stop);
  const startedAt = performance.now();
  const collector = new SummaryCollector((reply) => context.account.hasRoom(reply.parsedBytes));
  const kept = new KeptBytes(collector);
  await runConcurrently(
    times,
    options.concurrency ?? 1,
    () => stop.reason === undefined,
    async (index) => {
      const account = new PartialAccount(context.account);
      collector.add(index, await makeCall({ ...context, account }, planned, stop));
      kept.add(index, account);
    },
  );
  const summary = collector.summary();
  const unmade = times - summary.count;
  return {
    ...representativeResult(collector.worst, unmade > 0 ? stop.reason : undefined),
    startMs: roundMs(startedAt - context.arrivedAt),
    durationMs: roundMs(performance.now() - startedAt),
    summary: unmade > 0 ? { ...summary, unmade } : summary,
  };
}

/** Bytes of the calls that a collector keeps. Those of the others are given back. */
class KeptBytes {
  private readonly collector: SummaryCollector;
  private readonly accounts = new Map<number, PartialAccount>();

  constructor(collector: SummaryCollector) {
    this.collector = collector;
  }

  /** Adds the account of a call that the collector has. */
  add(index: number, account: PartialAccount): void {
    this.accounts.set(index, account);
    for (const [other, ofOther] of this.accounts) {
      if (this.collector.keeps(other)) continue;
      ofOther.releaseAll();
      this.accounts.delete(other);
    }
  }
}

/**
 * Returns the part of one result that represents all calls. Its reply is left out, because the samples of the summary
 * contain it.
 *
 * @param worst result of the first call that failed, or else of the first call
 * @param unmadeError error of the calls that were not made, which is shown if no call failed
 */
function representativeResult(worst: CallResult<RawReply>, unmadeError: CallError | undefined): CallResult<RawReply> {
  const { reply: _reply, attempts: _attempts, headers: _headers, body: _body, bodyBytes: _bytes, ...rest } = worst;
  // The span is left out too: each call has its own.
  const { spanId: _spanId, ...shared } = rest;
  if (unmadeError === undefined || isFailed(worst)) return shared;
  const { status: _status, grpcStatus: _grpcStatus, mesh: _mesh, ...call } = shared;
  return { ...call, answeredBy: 'nobody', error: unmadeError };
}
