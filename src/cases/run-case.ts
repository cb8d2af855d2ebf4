import { setTimeout } from 'node:timers/promises';
import { MeshmockError } from '../plan/error.ts';
import type { Case } from './case.ts';
import type { MeshUnderTest, Way } from './mesh-under-test.ts';
import { callRound, openClient, type Round } from './round.ts';

/** What a case came to. */
export interface CaseRun {
  readonly way: Way;
  readonly round: Round;
  /** Whether every expectation holds. */
  readonly holds: boolean;
  readonly durationMs: number;
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
  const startedAt = performance.now();
  const way = mesh.wayOf(testCase);
  await using _sick = await mesh.sicken(testCase.given, stop);
  for (;;) {
    const round = await fresh(testCase, way, userAgent, onAnswer, stop);
    const holds = round.verdicts.every(({ passed }) => passed) && (round.isAnswered || round.isExpected);
    const durationMs = performance.now() - startedAt;
    if (holds || durationMs + pauseMs > testCase.retryUntilMs) return { way, round, holds, durationMs };
    await setTimeout(pauseMs, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) throw new MeshmockError('canceled', 'stopped');
  }
}

/** On connections of its own: those of the round before lead to the pods of then. */
async function fresh(
  { method, repeat, concurrency, timeoutMs, expectations }: Case,
  way: Way,
  userAgent: string,
  onAnswer: () => void,
  stop: AbortSignal,
): Promise<Round> {
  const client = await openClient(way.target.scheme);
  try {
    return await callRound(
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
