import { MeshmockError } from '../plan/error.ts';
import { formatPath } from '../plan/format.ts';
import { fromMessage } from '../plan/from-message.ts';
import { parsePath } from '../plan/parse.ts';
import type { Plan } from '../plan/plan.ts';
import { calleeMesh, shownHeaders } from '../reply/evidence.ts';
import { requestError } from '../reply/refusal.ts';
import type { CallResult, RawReply, Reply, RequestSeen } from '../reply/reply.ts';
import { grpcStatusOf, statusOfCalls, statusOfError } from '../reply/status.ts';
import type { RequestTrace } from '../telemetry/tracing.ts';
import { type Allowance, isEntry, readAllowance } from './allowance.ts';
import { greeting } from './greeting.ts';
import type { IncomingRequest, PlanSource } from './incoming.ts';
import { roundMs } from './round.ts';
import { runStages } from './run-stages.ts';
import type { Service } from './service.ts';
import { refuseUnsupported } from './unsupported.ts';

/** Carries out one request, whatever protocol it came by, and gives the reply to encode. Never rejects. */
export async function answer(service: Service, request: IncomingRequest): Promise<Reply<RawReply>> {
  const arrivedAt = performance.now();
  const { protocol, method, headers } = request;
  const seen: RequestSeen = { protocol, method, uri: '', headers: shownHeaders(headers) };
  const uri = request.plan.kind === 'path' ? request.plan.path : '';
  const trace = service.tracing.startRequest({ protocol, method, uri, headers });
  const work = await trace.run(() => carryOut(service, request, seen, trace, arrivedAt));
  const durationMs = roundMs(performance.now() - arrivedAt);
  const mesh = calleeMesh(headers);
  const { calls, ...done } = work;
  const reply: Reply<RawReply> = {
    ...service.identity,
    request: seen,
    ...done,
    durationMs,
    ...(trace.traceId === undefined ? {} : { traceId: trace.traceId }),
    ...(Object.keys(mesh).length === 0 ? {} : { mesh }),
    ...(calls === undefined ? {} : { calls }),
  };
  const { status, error } = reply;
  const answered = {
    request: seen,
    status,
    durationMs,
    traceId: trace.traceId,
    requestId: mesh.requestId,
    problem: problemOf(reply),
  };
  trace.run(() => service.onAnswer(answered));
  trace.end({ status, grpcStatus: grpcStatusOf(status), ...(error === undefined ? {} : { error: error.code }) });
  return reply;
}

type Work = Pick<Reply<RawReply>, 'status' | 'body' | 'try' | 'error' | 'calls'>;

async function carryOut(
  service: Service,
  request: IncomingRequest,
  seen: RequestSeen,
  trace: RequestTrace,
  arrivedAt: number,
): Promise<Work> {
  try {
    if (request.plan.kind === 'path') seen.uri = request.plan.path;
    const allowance = readAllowance(request.headers, service.limits, request.timeoutMs, arrivedAt);
    const plan = readPlan(request.plan, allowance);
    if (request.plan.kind === 'message') seen.uri = formatPath(plan);
    refuseUnsupported(plan);
    trace.describe({ 'meshmock.budget_left': allowance.maxCalls, 'meshmock.depth_left': allowance.maxDepth });
    if (plan.kind === 'answer') return answerAlone(service, request, plan.uri || '/');
    const calls: CallResult<RawReply>[] = await runStages({ service, request, trace, allowance, arrivedAt }, plan);
    return { status: statusOfCalls(calls), calls };
  } catch (thrown) {
    const error = thrown instanceof MeshmockError ? thrown : new MeshmockError('internal', String(thrown), {});
    return { status: statusOfError[error.code], error: requestError(error) };
  }
}

function readPlan(source: PlanSource, limits: Allowance): Plan {
  return source.kind === 'path' ? parsePath(source.path, limits) : fromMessage(source.message, limits);
}

function answerAlone(service: Service, request: IncomingRequest, uri: string): Work {
  const { service: name, version } = service.identity;
  if (uri === '/' && isEntry(request.headers)) return { status: 200, ...greeting(service, request) };
  return {
    status: 200,
    body: `${name} ${version} answers ${request.protocol === 'http' ? request.method : 'Call'} ${uri}`,
  };
}

/** A request that is refused is its sender's problem, who is told; one of ours, or a call without an answer, is the log's. */
function problemOf(reply: Reply<RawReply>): string | undefined {
  if (reply.error !== undefined) return reply.status < 500 ? undefined : `${reply.error.code}: ${reply.error.message}`;
  const failed = reply.calls?.filter(({ error }) => error !== undefined) ?? [];
  if (failed.length === 0) return undefined;
  return failed.map(({ target, error }) => `${target} ${error?.code}: ${error?.message}`).join('; ');
}
