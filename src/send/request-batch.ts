import { SystemSource } from '../dial/names/system-source.ts';
import { TargetResolver } from '../dial/target-resolver.ts';
import { allowAllTargets } from '../dial/targets/target-rules.ts';
import { MeshmockError } from '../error/meshmock-error.ts';
import { optional } from '../error/optional.ts';
import { LimitedAccount } from '../execute/budgets/byte-account.ts';
import { callWithTimeout } from '../execute/call-with-timeout.ts';
import { type Client, type ClientTls, maxForeignBytes, type OutgoingCall } from '../execute/client.ts';
import { roundMs } from '../execute/concurrency/round-ms.ts';
import { runConcurrently } from '../execute/concurrency/run-concurrently.ts';
import { type ConnectTo, Dialler } from '../execute/connect-to.ts';
import { contentOf, statusesOf } from '../execute/make-call.ts';
import { SummaryCollector } from '../execute/summary-collector.ts';
import type { Expectation } from '../expect/expectation.ts';
import { ExpectationCheck, type ExpectationVerdict, expectsNoAnswer } from '../expect/expectation-check.ts';
import { calledMethod } from '../plan/grpc-method.ts';
import {
  authorityOf,
  type Header,
  headerFields,
  hostHeaderOf,
  type Plan,
  protocolOf,
  type Scheme,
} from '../plan/plan.ts';
import { formatSizeBytes } from '../plan/quantity.ts';
import { readCall } from '../reply/json.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import { redactHeaders } from '../reply/redaction.ts';
import type { CallResult, Summary } from '../reply/reply.ts';

/** Service that a request is sent to, and the plan that it receives. */
export interface Target {
  readonly scheme: Scheme;
  readonly address: { readonly host: string; readonly port: number };
  /** Value of `Host` or `:authority`; the address if not given. */
  readonly authority?: string;
  readonly plan: Plan;
  /** Canonical path of the plan. */
  readonly path: string;
}

/** A request, the number of times it is sent, and the expectations about its answers. */
export interface BatchSettings {
  readonly target: Target;
  /** HTTP method; GET if not given. */
  readonly method?: string;
  /** Body of an HTTP request. */
  readonly data?: string;
  /** True for an HTTP request over HTTP/2. */
  readonly http2?: boolean;
  readonly headers: readonly Header[];
  readonly repeat: number;
  /** Maximum number of requests at the same time. */
  readonly concurrency: number;
  /** Timeout of one request, in milliseconds. */
  readonly timeoutMs: number;
  readonly connectTo: readonly ConnectTo[];
  readonly expectations: readonly Expectation[];
  /** Takes the call that the expectations are about out of an answer; the answer itself if not given. */
  readonly unwrap?: (answer: CallResult) => CallResult;
  /** True if the service of the target receives the request itself, past the mesh. Then it is not a call to this service. */
  readonly entersService?: boolean;
  /** Called with all headers of each answer, also those that replies do not show. */
  readonly onHeaders?: (headers: Headers) => void;
}

/** Route on which a request reaches the service that executes its plan. */
export interface CallRoute
  extends Pick<BatchSettings, 'target' | 'headers' | 'connectTo' | 'unwrap' | 'entersService'> {
  readonly method: string;
  /** Certificates of the client; for a target that speaks TLS. */
  readonly tls?: ClientTls;
}

/** Results of all requests of a batch. */
export interface RequestBatch {
  /** The first call that failed, or the first call if none failed. */
  readonly call: CallResult;
  /** Counts and times; undefined for a single request. */
  readonly summary: Summary | undefined;
  readonly verdicts: readonly ExpectationVerdict[];
  /** True if at least one request was answered. */
  readonly isAnswered: boolean;
  /** True if an expectation asks for no answer. */
  readonly expectsNoAnswer: boolean;
}

/**
 * Opens the client of a scheme's protocol. Its caller closes it. It dials every target, and finds names as other programs
 * of the user do: only the user names the target.
 *
 * @param tls certificates, for a scheme with TLS
 */
export async function openClient(scheme: Scheme, tls?: ClientTls): Promise<Client> {
  const targets = new TargetResolver(new SystemSource(), allowAllTargets);
  switch (protocolOf(scheme)) {
    case 'http':
      return (await import('../http/client.ts')).createHttpClient(targets, tls);
    case 'grpc':
      return (await import('../grpc/client.ts')).createGrpcClient(targets, undefined, undefined, tls);
    case 'tcp':
      return (await import('../tcp/client.ts')).createTcpClient(targets);
  }
}

/**
 * Sends a request the given number of times, and checks the answers against the expectations.
 *
 * @param onAnswer called with each answer
 * @throws MeshmockError `canceled` when `stop` is aborted
 * @example
 * const client = await openClient('http');
 * const { verdicts } = await sendBatch(settings, client, 'meshmock/0.1.0', () => {}, stop);
 * await client.close();
 */
export async function sendBatch(
  settings: BatchSettings,
  client: Client,
  userAgent: string,
  onAnswer: (call: CallResult) => void,
  stop: AbortSignal,
): Promise<RequestBatch> {
  const { repeat, concurrency, expectations, unwrap } = settings;
  const sendOne = requestSender(settings, client, userAgent, stop);
  const collector = new SummaryCollector<never>();
  const checks = expectations.map(
    (expectation) => new ExpectationCheck(expectation, settings.target.plan, settings.entersService),
  );
  let isAnswered = false;
  let isMockReached = unwrap === undefined;
  await runConcurrently(
    repeat,
    concurrency,
    () => !stop.aborted,
    async (index) => {
      const answer = await sendOne();
      isMockReached ||= answer.answeredBy !== 'nobody';
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
    expectsNoAnswer: isMockReached && expectations.some(expectsNoAnswer),
  };
}

/** Maximum size of a reply, in bytes. */
const maxReplyBytes = 64 * 1024 * 1024;

function requestSender(
  settings: BatchSettings,
  client: Client,
  userAgent: string,
  stop: AbortSignal,
): () => Promise<CallResult> {
  const { target, method = 'GET', data, timeoutMs, headers, http2 } = settings;
  const dialler = new Dialler(settings.connectTo);
  const authority = target.authority ?? hostHeaderOf({ scheme: target.scheme, ...target.address });
  const title = target.authority ?? authorityOf(target.address);
  return async () => {
    const outgoing: OutgoingCall = {
      scheme: target.scheme,
      authority,
      dial: dialler.dial(target.address.host, target.address.port),
      method,
      ...optional('body', data),
      ...(http2 === true && { isHttp2: true as const }),
      // A mock on the route gets the call as a plan.
      calledMethod: settings.unwrap === undefined ? calledMethod(target.scheme, target.plan) : undefined,
      path: target.path,
      headers: { 'user-agent': userAgent, ...headerFields(headers) },
      timeoutMs,
      account: new LimitedAccount(maxReplyBytes),
    };
    const startedAt = performance.now();
    const answer = await callWithTimeout(client, outgoing, stop);
    if (answer.kind !== 'failed') settings.onHeaders?.(answer.headers);
    return readCall({
      target: title,
      scheme: target.scheme,
      ...statusesOf(answer),
      durationMs: roundMs(performance.now() - startedAt),
      // The request's own answer shows its headers, also if it is a reply.
      ...(answer.kind === 'reply' ? { headers: redactHeaders(answer.headers) } : {}),
      ...contentOf(answer, maxForeignBytes, () => `it is larger than ${formatSizeBytes(maxReplyBytes)}`),
    });
  };
}
