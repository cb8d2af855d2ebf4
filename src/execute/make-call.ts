import { firstBytes } from '../error/text-bytes.ts';
import { authorityOf, headerFields, isGrpc, methodOf } from '../plan/plan.ts';
import { attemptHeader, callerMesh } from '../reply/mesh-headers.ts';
import { refusalOf } from '../reply/proxy-refusal.ts';
import { redactHeaders } from '../reply/redaction.ts';
import type { CallResult, RawReply } from '../reply/reply.ts';
import { isFailed, outcomeOf } from '../reply/status.ts';
import { allowanceHeaders, calleeTimeoutMs } from './allowance.ts';
import { callWithTimeout } from './call-with-timeout.ts';
import type { CallAnswer } from './client.ts';
import { abortReason } from './concurrency/abort-reason.ts';
import { roundMs } from './concurrency/round-ms.ts';
import type { PlanContext, PlannedCall } from './request-context.ts';
import type { Service } from './service.ts';

/**
 * Makes one call, and repeats it while it fails and retries are left.
 *
 * @param stop ends the call; its reason is the `CallError` of the result
 * @returns the result of the last attempt, with the duration of all attempts
 */
export function makeCall(context: PlanContext, planned: PlannedCall, stop: AbortSignal): Promise<CallResult<RawReply>> {
  const { retries } = planned.call.options;
  return retries === undefined
    ? makeAttempt(context, planned, stop, 1, performance.now())
    : makeAttempts(context, planned, stop, retries);
}

async function makeAttempts(
  context: PlanContext,
  planned: PlannedCall,
  stop: AbortSignal,
  retries: number,
): Promise<CallResult<RawReply>> {
  const startedAt = performance.now();
  let result = await makeAttempt(context, planned, stop, 1, startedAt);
  const outcomes = [outcomeOf(result)];
  while (outcomes.length <= retries && isFailed(result) && !stop.aborted) {
    result = await makeAttempt(context, planned, stop, outcomes.length + 1, startedAt);
    outcomes.push(outcomeOf(result));
  }
  return outcomes.length > 1 ? { ...result, attempts: outcomes } : result;
}

async function makeAttempt(
  context: PlanContext,
  planned: PlannedCall,
  stop: AbortSignal,
  attempt: number,
  startedAt: number,
): Promise<CallResult<RawReply>> {
  if (stop.aborted) return resultOf(context, planned, notMade(stop), startedAt);
  const { service, trace, allowance } = context;
  const { call, path, stage, budget, forwarded } = planned;
  const leftMs = allowance.deadlineAt - performance.now();
  const timeoutMs = Math.min(leftMs, call.options.timeoutMs ?? Number.POSITIVE_INFINITY);
  const callTrace = trace.startCall({ call, path, stage, budgetLeft: budget, attempt });
  const headers: Record<string, string> = {
    ...forwarded,
    ...callTrace.headers,
    [allowanceHeaders.deadlineMs]: calleeTimeoutMs(timeoutMs).toFixed(3),
    [allowanceHeaders.calls]: String(budget),
    [allowanceHeaders.depth]: String(allowance.maxDepth - 1),
    ...headerFields(call.headers),
  };
  if (call.options.retries !== undefined) headers[attemptHeader] = String(attempt);
  const dial = service.dialler.dial(call.host, call.port);
  const outgoing = {
    scheme: call.scheme,
    authority: authorityOf(call),
    dial,
    method: methodOf(call),
    path,
    headers,
    timeoutMs,
  };
  const client = service.clients[isGrpc(call.scheme) ? 'grpc' : 'http'];
  const answer = await callTrace.run(() =>
    timeoutMs < leftMs ? callWithTimeout(client, outgoing, stop) : client.call(outgoing, stop),
  );
  callTrace.end({
    ...statusesOf(answer),
    ...(answer.kind === 'failed' ? { error: answer.error.code } : {}),
    isReply: answer.kind === 'reply',
  });
  return resultOf(context, planned, withKnownHosts(answer, service), startedAt, callTrace.spanId);
}

function notMade(stop: AbortSignal): CallAnswer {
  return { kind: 'failed', error: { code: 'not_made', message: abortReason(stop).message } };
}

function resultOf(
  { arrivedAt, shownBodyBytes }: PlanContext,
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
    ...contentOf(answer, shownBodyBytes),
  };
}

/** Adds the hosts of `--connect-to` to the error of an unknown host, which is probably a misspelling of one of them. */
function withKnownHosts(answer: CallAnswer, { dialler: { hosts } }: Service): CallAnswer {
  if (answer.kind !== 'failed' || answer.error.code !== 'dns' || hosts.length === 0) return answer;
  const { code, message } = answer.error;
  return { kind: 'failed', error: { code, message: `${message} (known here: ${hosts.join(', ')})` } };
}

/** Returns the statuses of an answer, as the result of a call shows them. */
export function statusesOf(answer: CallAnswer): Pick<CallResult, 'status' | 'grpcStatus'> {
  if (answer.kind === 'failed') return {};
  const { status, grpcStatus } = answer;
  return { status, ...(grpcStatus === undefined ? {} : { grpcStatus }) };
}

/**
 * Returns the content of an answer, as the result of a call shows it.
 *
 * @param shownBytes maximum number of bytes that are shown of a body that is not a reply
 */
export function contentOf(
  answer: CallAnswer,
  shownBytes: number,
): Pick<CallResult<RawReply>, 'answeredBy' | 'mesh' | 'error' | 'reply' | 'headers' | 'body' | 'bodyBytes'> {
  if (answer.kind === 'failed') return { answeredBy: 'nobody', error: answer.error };
  const mesh = callerMesh(answer.headers);
  const evidence = mesh === undefined ? {} : { mesh };
  if (answer.kind === 'reply') return { answeredBy: 'service', ...evidence, reply: answer.reply };
  const { isSigned, headers, body, bodyBytes } = answer;
  const refusal = refusalOf(answer);
  return {
    ...(refusal === undefined
      ? { answeredBy: isSigned ? 'service' : 'foreign', ...evidence }
      : { answeredBy: 'proxy', mesh: { ...mesh, refusal } }),
    headers: redactHeaders(headers),
    ...(body === '' ? {} : { body: bodyBytes > shownBytes ? firstBytes(body, shownBytes) : body }),
    ...(bodyBytes > shownBytes ? { bodyBytes } : {}),
  };
}
