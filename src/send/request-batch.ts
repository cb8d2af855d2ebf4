import { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import { callWithTimeout } from '../execute/call-with-timeout.ts';
import { type Client, maxForeignBytes, type OutgoingCall } from '../execute/client.ts';
import { roundMs } from '../execute/concurrency/round-ms.ts';
import { runConcurrently } from '../execute/concurrency/run-concurrently.ts';
import { type ConnectTo, Dialler } from '../execute/connect-to.ts';
import { contentOf, statusesOf } from '../execute/make-call.ts';
import { SummaryCollector } from '../execute/summary-collector.ts';
import type { Expectation } from '../expect/expectation.ts';
import { ExpectationCheck, type ExpectationVerdict, expectsNoAnswer } from '../expect/expectation-check.ts';
import { authorityOf, type Header, headerFields, isGrpc, type Plan, type Scheme } from '../plan/plan.ts';
import { readCall } from '../reply/json.ts';
import type { CallResult, Summary } from '../reply/reply.ts';

/** Whom to ask, and what for. */
export interface Target {
  readonly scheme: Scheme;
  readonly address: { readonly host: string; readonly port: number };
  /** What stands in `Host` or `:authority`; the address if not given. */
  readonly authority?: string;
  readonly plan: Plan;
  /** The plan's canonical path. */
  readonly path: string;
}

/** A request, how often it is sent, and what is expected of the answers. */
export interface BatchSettings {
  readonly target: Target;
  /** GET if not given. */
  readonly method?: string;
  /** Body of an HTTP request. */
  readonly data?: string;
  readonly headers: readonly Header[];
  readonly repeat: number;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly connectTo: readonly ConnectTo[];
  readonly expectations: readonly Expectation[];
  /** What of an answer the expectations are about, where others stand between; the answer itself if not given. */
  readonly unwrap?: (answer: CallResult) => CallResult;
}

/** Way on which a request reaches the service that carries out its plan. */
export type CallRoute = Pick<BatchSettings, 'target' | 'method' | 'headers' | 'connectTo' | 'unwrap'>;

/** What all requests of one round came to. */
export interface RequestBatch {
  /** The first that failed, else the first. */
  readonly call: CallResult;
  /** When there was more than one. */
  readonly summary: Summary | undefined;
  readonly verdicts: readonly ExpectationVerdict[];
  /** Whether anybody answered at all. */
  readonly isAnswered: boolean;
  /** Whether it is expected that nobody does. */
  readonly isExpected: boolean;
}

/** Opens the client for a scheme's protocol. */
export async function openClient(scheme: Scheme): Promise<Client> {
  if (isGrpc(scheme)) return (await import('../grpc/client.ts')).createGrpcClient();
  return (await import('../http/client.ts')).createHttpClient();
}

/**
 * Sends the request as often as it is to be repeated, and holds the answers against the expectations.
 *
 * @param onAnswer told of each answer
 * @throws MeshmockError `canceled` when it was stopped
 */
export async function sendBatch(
  settings: BatchSettings,
  client: Client,
  userAgent: string,
  onAnswer: (call: CallResult) => void,
  stop: AbortSignal,
): Promise<RequestBatch> {
  const { repeat, concurrency, expectations, unwrap } = settings;
  const send = sender(settings, client, userAgent, stop);
  const collector = new SummaryCollector<never>();
  const checks = expectations.map((expectation) => new ExpectationCheck(expectation, settings.target.plan));
  let isAnswered = false;
  let isEntered = unwrap === undefined;
  await runConcurrently(
    repeat,
    concurrency,
    () => !stop.aborted,
    async (index) => {
      const answer = await send();
      isEntered ||= answer.answeredBy !== 'nobody';
      const call = unwrap?.(answer) ?? answer;
      isAnswered ||= call.answeredBy !== 'nobody';
      collector.add(index, call);
      for (const check of checks) check.observe(call);
      onAnswer(call);
    },
  );
  if (stop.aborted) throw new MeshmockError('canceled', 'stopped');
  return {
    call: collector.worst,
    summary: repeat === 1 ? undefined : collector.summary(),
    verdicts: checks.map((check) => check.verdict()),
    isAnswered,
    isExpected: isEntered && expectations.some(expectsNoAnswer),
  };
}

function sender(
  settings: BatchSettings,
  client: Client,
  userAgent: string,
  stop: AbortSignal,
): () => Promise<CallResult> {
  const { target, method = 'GET', data, timeoutMs, headers } = settings;
  const dialler = new Dialler(settings.connectTo);
  const authority = target.authority ?? authorityOf(target.address);
  return async () => {
    const outgoing: OutgoingCall = {
      scheme: target.scheme,
      authority,
      dial: dialler.dial(target.address.host, target.address.port),
      method,
      ...optional('body', data),
      path: target.path,
      headers: { 'user-agent': userAgent, ...headerFields(headers) },
      timeoutMs,
    };
    const startedAt = performance.now();
    const answer = await callWithTimeout(client, outgoing, stop);
    return readCall({
      target: authority,
      scheme: target.scheme,
      ...statusesOf(answer),
      durationMs: roundMs(performance.now() - startedAt),
      ...contentOf(answer, maxForeignBytes),
    });
  };
}
