import { formatPath } from '../plan/format.ts';
import { countBelow } from '../plan/measure.ts';
import { authorityOf, type Call, type CallsPlan, isGrpc, methodOf, sharedContinuation } from '../plan/plan.ts';
import { callerMesh, shownHeaders } from '../reply/evidence.ts';
import type { CallError, CallResult, RawReply } from '../reply/reply.ts';
import type { RequestTrace } from '../telemetry/tracing.ts';
import { type Allowance, allowanceHeaders, calleeTimeoutMs } from './allowance.ts';
import type { CallAnswer } from './client.ts';
import type { IncomingRequest } from './incoming.ts';
import { type LimitedSignal, limitedSignal } from './limited-signal.ts';
import { roundMs } from './round.ts';
import type { Service } from './service.ts';

/** One request, and what was made of it when it arrived. */
export interface Received {
  readonly service: Service;
  readonly request: IncomingRequest;
  readonly trace: RequestTrace;
  readonly requestId: string;
  /** On the clock of `performance.now()`. */
  readonly arrivedAt: number;
}

/** One request while its plan is carried out. */
export interface Run extends Received {
  readonly allowance: Allowance;
}

/** One call of a plan, with what it may take. */
interface Step {
  readonly call: Call;
  readonly path: string;
  readonly stage: number;
  /** How many calls the callee may make in its turn. */
  readonly budget: number;
}

/**
 * Carries out the stages of a plan one after another, the calls of each at once.
 *
 * @returns the results in the order of the plan, whatever finished first. Every stage runs; a failed call is a result too.
 */
export async function runStages(run: Run, plan: CallsPlan): Promise<CallResult<RawReply>[]> {
  const forwarded = run.service.forwarder.pick(run.request.headers, run.request.protocol, run.requestId);
  const results: CallResult<RawReply>[] = [];
  const stop = stopSignal(run);
  try {
    for (const stage of planSteps(run.allowance, plan)) {
      results.push(...(await Promise.all(stage.map((step) => runStep(run, step, forwarded, stop.signal)))));
    }
  } finally {
    stop.dispose();
  }
  return results;
}

/** Shares out the call budget: each call gets what its plan needs, and an even part of what nobody needs. */
function planSteps(allowance: Allowance, plan: CallsPlan): Step[][] {
  const needs = countBelow(plan);
  const spare = allowance.maxCalls - needs.reduce((sum, need) => sum + need + 1, 0);
  const share = Math.floor(spare / needs.length);
  const sharedPath = formatPath(sharedContinuation(plan));
  let index = 0;
  return plan.stages.map((calls, stage) =>
    calls.map((call) => ({
      call,
      path: call.then === undefined ? sharedPath : formatPath(call.then),
      stage,
      budget: (needs[index++] ?? 0) + share,
    })),
  );
}

/** Ends every call of a request when its deadline passes or its caller goes. */
function stopSignal({ request, allowance }: Run): LimitedSignal {
  return limitedSignal(
    request.signal,
    allowance.deadlineAt - performance.now(),
    () => ({ code: 'canceled', message: 'the caller has gone' }),
    () => ({ code: 'timeout', message: 'no answer until the deadline of the whole request' }),
  );
}

async function runStep(
  run: Run,
  step: Step,
  forwarded: Readonly<Record<string, string>>,
  stop: AbortSignal,
): Promise<CallResult<RawReply>> {
  const startedAt = performance.now();
  const answer = stop.aborted
    ? ({ kind: 'failed', error: stop.reason as CallError } as const)
    : await makeCall(run, step, forwarded, stop, run.allowance.deadlineAt - startedAt);
  return {
    target: authorityOf(step.call),
    scheme: step.call.scheme,
    stage: step.stage,
    ...answerFacts(answer),
    startMs: roundMs(startedAt - run.arrivedAt),
    durationMs: roundMs(performance.now() - startedAt),
    ...answerParts(answer),
  };
}

async function makeCall(
  { service, trace, allowance }: Run,
  { call, path, stage, budget }: Step,
  forwarded: Readonly<Record<string, string>>,
  stop: AbortSignal,
  leftMs: number,
): Promise<CallAnswer> {
  const timeoutMs = Math.min(leftMs, call.options.timeoutMs ?? Number.POSITIVE_INFINITY);
  const callTrace = trace.startCall({ call, path, stage, budgetLeft: budget });
  const outgoing = {
    scheme: call.scheme,
    authority: authorityOf(call),
    dial: service.dialler.dial(call.host, call.port),
    method: methodOf(call),
    path,
    headers: {
      ...forwarded,
      ...callTrace.headers,
      [allowanceHeaders.deadlineMs]: calleeTimeoutMs(timeoutMs).toFixed(3),
      [allowanceHeaders.calls]: String(budget),
      [allowanceHeaders.depth]: String(allowance.maxDepth - 1),
      ...ownHeaders(call),
    },
    timeoutMs,
  };
  const client = service.clients[isGrpc(call.scheme) ? 'grpc' : 'http'];
  const answer = await callTrace.run(() =>
    timeoutMs < leftMs
      ? withTimeout(stop, timeoutMs, (signal) => client.call(outgoing, signal))
      : client.call(outgoing, stop),
  );
  const { status, grpcStatus } = answerFacts(answer);
  callTrace.end({
    ...(status === undefined ? {} : { status }),
    ...(grpcStatus === undefined ? {} : { grpcStatus }),
    ...(answer.kind === 'failed' ? { error: answer.error.code } : {}),
  });
  return withHint(answer, service);
}

/** Where names are only known through `--connect-to`, a name that is not is mostly misspelt. */
function withHint(answer: CallAnswer, { dialler: { hosts } }: Service): CallAnswer {
  if (answer.kind !== 'failed' || answer.error.code !== 'dns' || hosts.length === 0) return answer;
  const { code, message } = answer.error;
  return { kind: 'failed', error: { code, message: `${message} (known here: ${hosts.join(', ')})` } };
}

/** A header that is given twice for one call is sent as one list, as RFC 9110 section 5.3 allows. */
function ownHeaders({ headers }: Call): Record<string, string> {
  if (headers.length === 0) return {};
  const values = Map.groupBy(headers, ({ name }) => name);
  return Object.fromEntries([...values].map(([name, same]) => [name, same.map(({ value }) => value).join(', ')]));
}

async function withTimeout(
  stop: AbortSignal,
  timeoutMs: number,
  call: (signal: AbortSignal) => Promise<CallAnswer>,
): Promise<CallAnswer> {
  const limited = limitedSignal(
    stop,
    timeoutMs,
    () => stop.reason as CallError,
    () => ({ code: 'timeout', message: `no answer within ${timeoutMs} ms` }),
  );
  try {
    return await call(limited.signal);
  } finally {
    limited.dispose();
  }
}

function answerFacts(answer: CallAnswer): Pick<CallResult, 'status' | 'grpcStatus'> {
  if (answer.kind === 'failed') return {};
  const { status, grpcStatus } = answer;
  return { status, ...(grpcStatus === undefined ? {} : { grpcStatus }) };
}

function answerParts(
  answer: CallAnswer,
): Pick<CallResult<RawReply>, 'answeredBy' | 'mesh' | 'error' | 'reply' | 'headers' | 'body' | 'bodyBytes'> {
  if (answer.kind === 'failed') return { answeredBy: 'nobody', error: answer.error };
  const mesh = callerMesh(answer.headers);
  const seen = mesh === undefined ? {} : { mesh };
  if (answer.kind === 'reply') return { answeredBy: 'service', ...seen, reply: answer.reply };
  const { isSigned, headers, body, bodyBytes } = answer;
  return {
    answeredBy: isSigned ? 'service' : 'foreign',
    ...seen,
    headers: shownHeaders(headers),
    ...(body === '' ? {} : { body }),
    ...(bodyBytes === undefined ? {} : { bodyBytes }),
  };
}
