import { setTimeout } from 'node:timers/promises';
import { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import type { ExpectationVerdict } from '../expect/expectation-check.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { CallResult } from '../reply/reply.ts';
import { type BatchSettings, type CallRoute, openClient, type RequestBatch, sendBatch } from '../send/request-batch.ts';
import { captureFrom } from './captures.ts';
import type { Case, CaseRequest, ExpectationCase } from './case.ts';
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
  // Before the faults, so that a wrong name changes nothing.
  await mesh.callRouteOf(testCase, context.stop);
  await using _faults = await mesh.injectFaults(testCase.faults, context.stop);
  // Awaited here, because the faults end with this function.
  return await retryUntil(
    () => runRequests(testCase, mesh, context),
    ({ passes }) => passes,
    testCase,
    context.stop,
  );
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

/** Sends the requests of a case one after another, until the expectations of one do not hold. */
async function runRequests(testCase: ExpectationCase, mesh: MeshUnderTest, context: RunContext): Promise<TriedCase> {
  const captured = new Map<string, string>();
  const earlier: ExpectationVerdict[] = [];
  const titleOf = (step: number): string => (testCase.then.length === 0 ? '' : `step ${step}: `);
  let tried = await runRequest(testCase, mesh, captured, titleOf(1), context);
  for (const [index, step] of testCase.then.entries()) {
    if (!tried.passes) break;
    earlier.push(...tried.batch.verdicts);
    tried = await runRequest(step.requestWith(captured), mesh, captured, titleOf(index + 2), context);
  }
  return { ...tried, batch: { ...tried.batch, verdicts: [...earlier, ...tried.batch.verdicts] } };
}

/**
 * Sends one request of a case, and adds the values that it captures.
 *
 * @param title beginning of the request's expectations in reports
 */
async function runRequest(
  request: CaseRequest,
  mesh: MeshUnderTest,
  captured: Map<string, string>,
  title: string,
  context: RunContext,
): Promise<TriedCase> {
  const route = await mesh.callRouteOf(request, context.stop);
  let headers: Headers | undefined;
  let first: CallResult | undefined;
  const batch = await sendOnNewClient(
    request,
    { ...route, onHeaders: (all) => (headers ??= all) },
    {
      ...context,
      onAnswer: (call) => {
        if (call.answeredBy !== 'nobody') first ??= call;
        context.onAnswer(call);
      },
    },
  );
  const verdicts = batch.verdicts.map((one) => ({ ...one, expectation: title + one.expectation }));
  for (const capture of request.captures) {
    // All values are those of one answer. The call of the batch is the worst one.
    const call = first ?? batch.call;
    const answer = { call, plan: request.plan, headers: route.unwrap === undefined ? headers : undefined };
    const value = captureFrom(capture, answer);
    if (value !== undefined) captured.set(capture.name, value);
    else verdicts.push({ expectation: `${title}the answer shows ${capture.name}`, passed: false, seen: '(none)' });
  }
  const passes = verdicts.every(({ passed }) => passed) && (batch.isAnswered || batch.expectsNoAnswer);
  return { kind: 'tried', route, batch: { ...batch, verdicts }, passes, notSeen: [] };
}

/** Sends the requests of a case on new connections. Kept connections would lead to the pods of earlier cases. */
async function sendOnNewClient(
  { repeat, concurrency, timeoutMs, expectations, data }: CaseRequest,
  route: CallRoute & Pick<BatchSettings, 'onHeaders'>,
  { userAgent, onAnswer, stop }: RunContext,
): Promise<RequestBatch> {
  const client = await openClient(route.target.scheme, route.tls);
  try {
    const settings = { ...route, repeat, concurrency, timeoutMs, expectations, ...optional('data', data) };
    return await sendBatch(settings, client, userAgent, onAnswer, stop);
  } finally {
    await client.close();
  }
}
