import { authorityOf, type Call, headerFields, isGrpc, methodOf } from '../plan/plan.ts';
import { attemptHeader, callerMesh } from '../reply/mesh-headers.ts';
import { refusalOf } from '../reply/proxy-refusal.ts';
import { redactHeaders } from '../reply/redaction.ts';
import type { CallError, CallResult, RawReply } from '../reply/reply.ts';
import { isFailed, outcomeOf } from '../reply/status.ts';
import { allowanceHeaders, calleeTimeoutMs } from './allowance.ts';
import { callWithTimeout } from './call-with-timeout.ts';
import type { CallAnswer } from './client.ts';
import { roundMs } from './concurrency/round-ms.ts';
import type { Run } from './run-stages.ts';
import type { Service } from './service.ts';

/** One call of a plan, with what it may take. */
export interface Step {
  readonly call: Call;
  readonly path: string;
  readonly stage: number;
  /** How many calls the callee may make in its turn, each time it is called. */
  readonly budget: number;
  /** The headers that the service passes on with each of its calls. */
  readonly forwarded: Readonly<Record<string, string>>;
}

/**
 * Makes one call, and again while it fails and may be retried.
 *
 * @param stop ends it at once; its reason is a `CallError`
 * @returns what the last attempt came to, over the time of all of them
 */
export function makeCall(run: Run, step: Step, stop: AbortSignal): Promise<CallResult<RawReply>> {
  const { retries } = step.call.options;
  return retries === undefined
    ? makeAttempt(run, step, stop, 1, performance.now())
    : makeAttempts(run, step, stop, retries);
}

async function makeAttempts(run: Run, step: Step, stop: AbortSignal, retries: number): Promise<CallResult<RawReply>> {
  const startedAt = performance.now();
  let result = await makeAttempt(run, step, stop, 1, startedAt);
  const outcomes = [outcomeOf(result)];
  while (outcomes.length <= retries && isFailed(result) && !stop.aborted) {
    result = await makeAttempt(run, step, stop, outcomes.length + 1, startedAt);
    outcomes.push(outcomeOf(result));
  }
  return outcomes.length > 1 ? { ...result, attempts: outcomes } : result;
}

async function makeAttempt(
  run: Run,
  step: Step,
  stop: AbortSignal,
  attempt: number,
  startedAt: number,
): Promise<CallResult<RawReply>> {
  if (stop.aborted) return resultOf(run, step, notMade(stop), startedAt);
  const { service, trace, allowance } = run;
  const { call, path, stage, budget, forwarded } = step;
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
    ...answerFacts(answer),
    ...(answer.kind === 'failed' ? { error: answer.error.code } : {}),
    isReply: answer.kind === 'reply',
  });
  return resultOf(run, step, withHint(answer, service), startedAt, callTrace.spanId);
}

function notMade(stop: AbortSignal): CallAnswer {
  return { kind: 'failed', error: { code: 'not_made', message: (stop.reason as CallError).message } };
}

function resultOf(
  { arrivedAt, shownBodyBytes }: Run,
  { call, stage }: Step,
  answer: CallAnswer,
  startedAt: number,
  spanId?: string,
): CallResult<RawReply> {
  return {
    target: authorityOf(call),
    scheme: call.scheme,
    stage,
    ...answerFacts(answer),
    startMs: roundMs(startedAt - arrivedAt),
    durationMs: roundMs(performance.now() - startedAt),
    ...(spanId === undefined ? {} : { spanId }),
    ...answerParts(answer, shownBodyBytes),
  };
}

/** Where names are only known through `--connect-to`, a name that is not is mostly misspelt. */
function withHint(answer: CallAnswer, { dialler: { hosts } }: Service): CallAnswer {
  if (answer.kind !== 'failed' || answer.error.code !== 'dns' || hosts.length === 0) return answer;
  const { code, message } = answer.error;
  return { kind: 'failed', error: { code, message: `${message} (known here: ${hosts.join(', ')})` } };
}

/** The statuses of an answer. */
export function answerFacts(answer: CallAnswer): Pick<CallResult, 'status' | 'grpcStatus'> {
  if (answer.kind === 'failed') return {};
  const { status, grpcStatus } = answer;
  return { status, ...(grpcStatus === undefined ? {} : { grpcStatus }) };
}

/** What an answer brought, as a call's result shows it: so much of a body that is no reply. */
export function answerParts(
  answer: CallAnswer,
  shownBytes: number,
): Pick<CallResult<RawReply>, 'answeredBy' | 'mesh' | 'error' | 'reply' | 'headers' | 'body' | 'bodyBytes'> {
  if (answer.kind === 'failed') return { answeredBy: 'nobody', error: answer.error };
  const mesh = callerMesh(answer.headers);
  const seen = mesh === undefined ? {} : { mesh };
  if (answer.kind === 'reply') return { answeredBy: 'service', ...seen, reply: answer.reply };
  const { isSigned, headers, body, bodyBytes } = answer;
  const refusal = refusalOf(answer);
  return {
    ...(refusal === undefined
      ? { answeredBy: isSigned ? 'service' : 'foreign', ...seen }
      : { answeredBy: 'proxy', mesh: { ...mesh, refusal } }),
    headers: redactHeaders(headers),
    ...(body === '' ? {} : { body: bodyBytes > shownBytes ? firstBytes(body, shownBytes) : body }),
    ...(bodyBytes > shownBytes ? { bodyBytes } : {}),
  };
}

function firstBytes(text: string, bytes: number): string {
  return Buffer.from(text).subarray(0, bytes).toString();
}
