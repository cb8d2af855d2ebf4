import { setTimeout } from 'node:timers/promises';
import { MeshmockError } from '../error/meshmock-error.ts';
import type { CallResult } from '../reply/reply.ts';
import { type CallRoute, openClient, type RequestBatch, sendBatch } from '../send/request-batch.ts';
import type { Case, ExpectationCase } from './case.ts';
import type { MeshUnderTest } from './mesh-under-test.ts';

/** Result of a case. */
export type CaseRun =
  | TriedCase
  /** The mesh shows nothing of the asserted route, for these reasons. */
  | { readonly kind: 'not_seen'; readonly reasons: readonly string[] };

/** Result of a case whose requests were sent and checked. */
export interface TriedCase {
  readonly kind: 'tried';
  readonly route: CallRoute;
  readonly batch: RequestBatch;
  /** True if every expectation holds. */
  readonly passes: boolean;
  /** Assertions that the mesh does not show, each with the reason. */
  readonly notSeen: readonly string[];
}

/** Settings that all requests of a run share. */
export interface RunContext {
  /** Value of the `user-agent` header. */
  readonly userAgent: string;
  /** Called with each answer. */
  readonly onAnswer: (call: CallResult) => void;
  readonly stop: AbortSignal;
}

const retryPauseMs = 200;

/**
 * Runs a case, and repeats it until it passes or its retry time is over.
 *
 * @throws MeshmockError `usage` when the mesh has no such service, `canceled` when `stop` is aborted
 */
export async function runCase(testCase: ExpectationCase, mesh: MeshUnderTest, context: RunContext): Promise<TriedCase> {
  const route = mesh.callRouteOf(testCase);
  await using _faults = await mesh.injectFaults(testCase.faults, context.stop);
  const attempt = async (): Promise<TriedCase> => {
    const batch = await sendOnNewClient(testCase, route, context);
    const passes = batch.verdicts.every(({ passed }) => passed) && (batch.isAnswered || batch.expectsNoAnswer);
    return { kind: 'tried', route, batch, passes, notSeen: [] };
  };
  // Awaited here, because the faults end with this function.
  return await retryUntil(attempt, ({ passes }) => passes, testCase, context.stop);
}

/**
 * Repeats an action until its result is right, or the retry time of its case is over.
 *
 * @returns the last result
 * @throws MeshmockError `canceled` when `stop` is aborted
 * @example
 * await retryUntil(() => fetchStatus(), (status) => status === 200, { retryUntilMs: 5000 }, stop);
 */
export async function retryUntil<T>(
  action: () => Promise<T>,
  isRight: (result: T) => boolean,
  { retryUntilMs }: Pick<Case, 'retryUntilMs'>,
  stop: AbortSignal,
): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    const result = await action();
    if (isRight(result) || performance.now() - startedAt + retryPauseMs > retryUntilMs) return result;
    await setTimeout(retryPauseMs, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) throw new MeshmockError('canceled', 'stopped');
  }
}

/** Sends the requests of a case on new connections. Kept connections would lead to the pods of earlier cases. */
async function sendOnNewClient(
  { repeat, concurrency, timeoutMs, expectations }: ExpectationCase,
  route: CallRoute,
  { userAgent, onAnswer, stop }: RunContext,
): Promise<RequestBatch> {
  const client = await openClient(route.target.scheme);
  try {
    const settings = { ...route, repeat, concurrency, timeoutMs, expectations };
    return await sendBatch(settings, client, userAgent, onAnswer, stop);
  } finally {
    await client.close();
  }
}
