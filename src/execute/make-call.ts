import { firstBytes } from '../error/text-bytes.ts';
import { authorityOf, headerFields, hostHeaderOf, methodOf, protocolOf } from '../plan/plan.ts';
import { parseIfRaw } from '../reply/json.ts';
import { attemptHeader, callerMesh, signatureHeader } from '../reply/mesh-headers.ts';
import { refusalOf } from '../reply/proxy-refusal.ts';
import { redactHeaders } from '../reply/redaction.ts';
import { type CallError, type CallResult, callMethod, type RawReply } from '../reply/reply.ts';
import { isFailed, outcomeOf } from '../reply/status.ts';
import { allowanceHeaders, calleeTimeoutMs } from './allowance.ts';
import { type ByteAccount, PartialAccount } from './budgets/byte-account.ts';
import type { Bound } from './budgets/limits.ts';
import { prunedReply } from './budgets/parse-room.ts';
import { callWithTimeout } from './call-with-timeout.ts';
import { type CallAnswer, isOverloadRefusal, type OutgoingCall } from './client.ts';
import type { DeadlineSignal } from './concurrency/deadline-signal.ts';
import { roundMs } from './concurrency/round-ms.ts';
import type { IncomingRequest } from './incoming.ts';
import type { PlanContext, PlannedCall } from './request-context.ts';
import type { Service } from './service.ts';

/**
 * Makes one call, and repeats it while it fails and retries are left. A refusal of an overloaded meshmock ends the
 * attempts: each of them would be refused too, and add to the load.
 *
 * @param stop ends the call; its reason is the error of the result
 * @returns the result of the last attempt, with the duration of all attempts
 */
export function makeCall(
  context: PlanContext,
  planned: PlannedCall,
  stop: DeadlineSignal,
): Promise<CallResult<RawReply>> {
  const { retries } = planned.call.options;
  return retries === undefined
    ? makeAttempt(context, planned, stop, 1, performance.now())
    : makeAttempts(context, planned, stop, retries);
}

async function makeAttempts(
  context: PlanContext,
  planned: PlannedCall,
  stop: DeadlineSignal,
  retries: number,
): Promise<CallResult<RawReply>> {
  const startedAt = performance.now();
  const account = new PartialAccount(context.account);
  const ofAttempt = { ...context, account };
  let result = await makeAttempt(ofAttempt, planned, stop, 1, startedAt);
  const outcomes = [outcomeOf(result)];
  while (outcomes.length <= retries && isFailed(result) && !isOverloaded(result) && stop.reason === undefined) {
    // Only the last attempt is kept.
    account.releaseAll();
    result = await makeAttempt(ofAttempt, planned, stop, outcomes.length + 1, startedAt);
    outcomes.push(outcomeOf(result));
  }
  return outcomes.length > 1 ? { ...result, attempts: outcomes } : result;
}

async function makeAttempt(
  context: PlanContext,
  planned: PlannedCall,
  stop: DeadlineSignal,
  attempt: number,
  startedAt: number,
): Promise<CallResult<RawReply>> {
  const { reason } = stop;
  if (reason !== undefined) return resultOf(context, planned, notMade(reason), startedAt);
  const { service, trace, allowance, account } = context;
  const refusedBy = service.budgets.beginCall();
  if (refusedBy !== undefined) return resultOf(context, planned, overBudget(service, refusedBy), startedAt);
  const { call, path, calledMethod, stage, budget, forwarded } = planned;
  const leftMs = allowance.deadlineAt - performance.now();
  const timeoutMs = Math.min(leftMs, call.options.timeoutMs ?? Number.POSITIVE_INFINITY);
  const callTrace = trace.startCall({
    call,
    rpcMethod: calledMethod?.name ?? callMethod,
    path,
    stage,
    budgetLeft: budget,
    attempt,
  });
  const headers: Record<string, string> = { ...forwarded, ...callTrace.headers };
  headers[allowanceHeaders.deadlineMs] = calleeTimeoutMs(timeoutMs).toFixed(3);
  headers[allowanceHeaders.calls] = String(budget);
  headers[allowanceHeaders.depth] = String(allowance.maxDepth - 1);
  if (call.headers.length > 0) Object.assign(headers, headerFields(call.headers));
  if (call.options.retries !== undefined) headers[attemptHeader] = String(attempt);
  const dial = service.dialler.dial(call.host, call.port);
  const outgoing: OutgoingCall & { body?: Buffer; isHttp2?: true; headers: Record<string, string> } = {
    scheme: call.scheme,
    authority: hostHeaderOf(call),
    dial,
    method: methodOf(call),
    calledMethod,
    path,
    headers,
    timeoutMs,
    account,
  };
  if (call.options.http2 === true) outgoing.isHttp2 = true;
  if (call.options.body === true) passBodyOn(outgoing, context.request);
  const client = service.clients[protocolOf(call.scheme)];
  const answer = await callTrace.run(() =>
    timeoutMs < leftMs ? callWithTimeout(client, outgoing, stop.signal) : client.call(outgoing, stop.signal),
  );
  service.budgets.endCall();
  service.traffic?.called(
    { scheme: call.scheme, host: call.host, dial },
    answer,
    leftMs - (allowance.deadlineAt - performance.now()),
  );
  callTrace.end({
    ...statusesOf(answer),
    ...(answer.kind === 'failed' ? { error: answer.error.code } : {}),
    // A refused request has no span.
    isReply: answer.kind === 'reply' && !isOverloadRefusal(answer),
  });
  return resultOf(context, planned, withKnownHosts(answer, service), startedAt, callTrace.spanId);
}

/** Headers that say how a body is read. */
const bodyHeaders = ['content-type', 'content-encoding'];

/** Adds the body of a request to a call, with its content type and coding. */
function passBodyOn(
  outgoing: { body?: Buffer; readonly headers: Record<string, string> },
  { body, headers }: IncomingRequest,
): void {
  if (body === undefined) return;
  outgoing.body = body.start;
  for (const name of bodyHeaders) {
    const value = headers[name];
    if (value !== undefined) outgoing.headers[name] = value;
  }
}

/** Reports whether the callee has refused a call because it is overloaded. */
function isOverloaded({ reply }: CallResult<RawReply>): boolean {
  return reply !== undefined && parseIfRaw(reply)?.error?.code === 'overloaded';
}

function notMade({ message }: CallError): CallAnswer {
  return { kind: 'failed', error: { code: 'not_made', message } };
}

function overBudget({ budgets }: Service, bound: Bound): CallAnswer {
  return { kind: 'failed', error: { code: 'budget', message: budgets.explain(bound) } };
}

function resultOf(
  { service, arrivedAt, shownBodyBytes, account }: PlanContext,
  { call, stage }: PlannedCall,
  answer: CallAnswer,
  startedAt: number,
  spanId?: string,
): CallResult<RawReply> {
  return {
    target: authorityOf(call),
    scheme: call.scheme,
    stage,
    ...statusesOf(answer),
    startMs: roundMs(startedAt - arrivedAt),
    durationMs: roundMs(performance.now() - startedAt),
    ...(spanId === undefined ? {} : { spanId }),
    ...shownContent(
      contentOf(answer, shownBodyBytes, (bound) => service.budgets.explain(bound)),
      service,
      account,
    ),
  };
}

/** Returns the content of an answer, without headers and body if there is no room for them. */
function shownContent(content: CallContent, { budgets }: Service, account: ByteAccount): CallContent {
  if (content.headers === undefined) return content;
  const { headers, body = '', ...rest } = content;
  const bytes = Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length, body.length);
  const refusedBy = account.reserve(copiesOfContent * bytes);
  if (refusedBy === undefined) return content;
  return { ...rest, pruned: prunedReply(content.bodyBytes ?? bytes, budgets.explain(refusedBy)) };
}

/** Copies of the content of an answer: the strings, and their JSON. */
const copiesOfContent = 3;

/** Adds the hosts of `--connect-to` to the error of an unknown host, which is probably a misspelling of one of them. */
function withKnownHosts(answer: CallAnswer, { dialler }: Service): CallAnswer {
  if (answer.kind !== 'failed' || answer.error.code !== 'dns') return answer;
  const { hosts } = dialler;
  if (hosts.length === 0) return answer;
  const { code, message } = answer.error;
  return { kind: 'failed', error: { code, message: `${message} (known here: ${hosts.join(', ')})` } };
}

/** Returns the statuses of an answer, as the result of a call shows them. */
export function statusesOf(answer: CallAnswer): Pick<CallResult, 'status' | 'grpcStatus'> {
  if (answer.kind === 'failed') return {};
  const { status, grpcStatus } = answer;
  return { status, ...(grpcStatus === undefined ? {} : { grpcStatus }) };
}

/** Part of the result of a call that its answer determines. */
type CallContent = Pick<
  CallResult<RawReply>,
  | 'answeredBy'
  | 'mesh'
  | 'tls'
  | 'httpVersion'
  | 'stream'
  | 'trailers'
  | 'error'
  | 'reply'
  | 'pruned'
  | 'headers'
  | 'body'
  | 'bodyBytes'
>;

/** Returns what an answer shows of its connection and of its arrival. */
function transportFacts(answer: Exclude<CallAnswer, { kind: 'failed' }>): Partial<CallContent> {
  const { tls, httpVersion, stream, trailers } = answer;
  const facts: Partial<CallContent> = {};
  if (tls !== undefined) facts.tls = tls;
  if (httpVersion !== undefined) facts.httpVersion = httpVersion;
  if (stream !== undefined) facts.stream = stream;
  if (trailers !== undefined) facts.trailers = redactHeaders(trailers);
  return facts;
}

/**
 * Returns the content of an answer, as the result of a call shows it.
 *
 * @param shownBytes maximum number of bytes that are shown of a body that is not a reply
 * @param explain returns the reason why a bound refuses a reply
 */
export function contentOf(answer: CallAnswer, shownBytes: number, explain: (bound: Bound) => string): CallContent {
  if (answer.kind === 'failed') return { answeredBy: 'nobody', error: answer.error };
  const mesh = callerMesh(answer.headers);
  const evidence = { ...(mesh !== undefined && { mesh }), ...transportFacts(answer) };
  if (answer.kind === 'reply') return { answeredBy: 'service', ...evidence, reply: answer.reply };
  if (answer.kind === 'left-out') {
    const pruned = prunedReply(answer.bytes, explain(answer.refusedBy));
    // The signature still says which version answered.
    const signature = answer.headers[signatureHeader];
    return {
      answeredBy: 'service',
      ...evidence,
      pruned,
      ...(signature && { headers: { [signatureHeader]: signature } }),
    };
  }
  const { isSigned, headers, body, bodyBytes } = answer;
  const refusal = refusalOf(answer);
  return {
    ...(refusal === undefined
      ? { answeredBy: isSigned ? 'service' : 'foreign', ...evidence }
      : { answeredBy: 'proxy', ...evidence, mesh: { ...mesh, refusal } }),
    headers: redactHeaders(headers),
    ...(body === '' ? {} : { body: bodyBytes > shownBytes ? firstBytes(body, shownBytes) : body }),
    ...(bodyBytes > shownBytes ? { bodyBytes } : {}),
  };
}
