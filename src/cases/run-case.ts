import { setTimeout } from 'node:timers/promises';
import { MeshmockError } from '../error/meshmock-error.ts';
import type { CallRoute } from '../send/request-batch.ts';
import { openClient, type RequestBatch, sendBatch } from '../send/request-batch.ts';
import type { Case } from './case.ts';
import type { MeshUnderTest } from './mesh-under-test.ts';

/** What a case came to. */
export interface CaseRun {
  readonly way: CallRoute;
  readonly round: RequestBatch;
  /** Whether every expectation holds. */
  readonly holds: boolean;
  /** What cannot be seen of what is asserted, with the reasons. */
  readonly unseen?: readonly string[];
}

const pauseMs = 200;

/**
 * Tries one case, until it holds or its time for that is up.
 *
 * @param onAnswer told of each answer
 * @throws MeshmockError `usage` when it cannot be begun, `canceled` when it was stopped
 */
export async function runCase(
  testCase: Case,
  mesh: MeshUnderTest,
  userAgent: string,
  onAnswer: () => void,
  stop: AbortSignal,
): Promise<CaseRun> {
  const way = mesh.callRouteOf(testCase);
  await using _sick = await mesh.injectFaults(testCase.faults, stop);
  const once = async (): Promise<CaseRun> => {
    const round = await fresh(testCase, way, userAgent, onAnswer, stop);
    const holds = round.verdicts.every(({ passed }) => passed) && (round.isAnswered || round.expectsNoAnswer);
    return { way, round, holds };
  };
  // Awaited here: nobody is to be well again before the answers have come.
  return await retryUntil(once, ({ holds }) => holds, testCase, stop);
}

/**
 * Does something again until it is as it should be, or the time of its case for that is up.
 *
 * @throws MeshmockError `canceled` when it was stopped
 */
export async function retryUntil<T>(
  once: () => Promise<T>,
  isRight: (result: T) => boolean,
  { retryUntilMs }: Pick<Case, 'retryUntilMs'>,
  stop: AbortSignal,
): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    const result = await once();
    if (isRight(result) || performance.now() - startedAt + pauseMs > retryUntilMs) return result;
    await setTimeout(pauseMs, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) throw new MeshmockError('canceled', 'stopped');
  }
}

/** On connections of its own: those of the round before lead to the pods of then. */
async function fresh(
  { method, repeat, concurrency, timeoutMs, expectations }: Case,
  way: CallRoute,
  userAgent: string,
  onAnswer: () => void,
  stop: AbortSignal,
): Promise<RequestBatch> {
  const client = await openClient(way.target.scheme);
  try {
    return await sendBatch(
      { method, ...way, repeat, concurrency, timeoutMs, expectations },
      client,
      userAgent,
      onAnswer,
      stop,
    );
  } finally {
    await client.close();
  }
}
