import { setTimeout } from 'node:timers/promises';
import { runConcurrently } from '../../execute/concurrency/run-concurrently.ts';
import type { Jaeger } from '../../jaeger/jaeger.ts';
import type { Headers } from '../../reply/mesh-headers.ts';
import type { CallResult } from '../../reply/reply.ts';
import { compareTrace, type TraceVerdict } from '../../trace/compare.ts';
import type { FindingKind } from '../../trace/finding.ts';
import { traceProblem } from '../../trace/trace-problem.ts';

const firstPauseMs = 50;
const longestPauseMs = 1000;
/** Time to wait for spans that arrive twice, in milliseconds: a complete trace is read once more after it. */
const settleMs = 300;
const atOnce = 4;

/**
 * Waits for the traces of requests, and compares each with its reply.
 *
 * @param roots requests as their sender saw them
 * @param sent headers of the requests
 * @param timeoutMs time to wait for missing spans of all traces, in milliseconds
 * @returns a verdict per request, in their order
 * @throws MeshmockError `unavailable` if Jaeger does not answer
 */
export async function checkTraces(
  jaeger: Jaeger,
  roots: readonly CallResult[],
  sent: Headers,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<TraceVerdict[]> {
  const endsAt = performance.now() + timeoutMs;
  const verdicts: TraceVerdict[] = [];
  await runConcurrently(
    roots.length,
    atOnce,
    () => !signal.aborted,
    async (index) => {
      verdicts[index] = await checkTrace(jaeger, roots[index] as CallResult, sent, endsAt, signal);
    },
  );
  return verdicts;
}

async function checkTrace(
  jaeger: Jaeger,
  root: CallResult,
  sent: Headers,
  endsAt: number,
  signal: AbortSignal,
): Promise<TraceVerdict> {
  const problem = traceProblem(root);
  if (problem !== undefined) return { ...compareTrace(root, []), findings: [problem] };
  const look = async (): Promise<TraceVerdict> =>
    compareTrace(root, await jaeger.spansOf(root.reply?.traceId ?? '', signal), sent);
  let settled = -1;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)) {
    const verdict = await look();
    const isComplete = verdict.findings.every(({ kind }) => isLasting(kind));
    const leftMs = endsAt - performance.now();
    if ((isComplete && verdict.spans === settled) || leftMs <= 0) return verdict;
    settled = isComplete ? verdict.spans : -1;
    await setTimeout(isComplete ? settleMs : Math.min(pauseMs, leftMs), undefined, { signal });
  }
}

/** Reports whether no later span can resolve a finding. */
function isLasting(kind: FindingKind): boolean {
  return kind === 'not_exported' || kind === 'not_sampled' || kind === 'second_trace';
}
