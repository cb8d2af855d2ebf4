import { setTimeout } from 'node:timers/promises';
import { runConcurrently } from '../../execute/concurrency/run-concurrently.ts';
import type { Headers } from '../../reply/mesh-headers.ts';
import type { CallResult } from '../../reply/reply.ts';
import { compareTrace, type TraceVerdict } from '../../trace/compare.ts';
import type { FindingKind } from '../../trace/finding.ts';
import { traceProblem } from '../../trace/trace-problem.ts';
import type { Jaeger } from './jaeger.ts';

const firstPauseMs = 50;
const longestPauseMs = 1000;
/** What comes twice may come late: a trace in which nothing is missing is looked at once more after so long. */
const settleMs = 300;
const atOnce = 4;

/**
 * Waits for the traces of some requests, and holds each against the reply.
 *
 * @param roots the requests as their sender saw them
 * @param sent the headers that they carried
 * @param timeoutMs how long to wait for what is missing, for all of them together
 * @returns a verdict for each, in their order
 * @throws MeshmockError `usage` when the Jaeger cannot be asked
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

/** Whether no span that comes later can mend it. */
function isLasting(kind: FindingKind): boolean {
  return kind === 'not_exported' || kind === 'not_sampled' || kind === 'second_trace';
}
