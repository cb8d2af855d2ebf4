import { randomUUID } from 'node:crypto';
import { MeshmockError } from '../plan/error.ts';
import { formatPath } from '../plan/format.ts';
import { fromMessage } from '../plan/from-message.ts';
import { parsePath } from '../plan/parse.ts';
import type { Plan } from '../plan/plan.ts';
import { calleeMesh, shownHeaders, shownUri } from '../reply/evidence.ts';
import { requestError } from '../reply/refusal.ts';
import type { RawReply, Reply, RequestSeen } from '../reply/reply.ts';
import { grpcStatusOf, statusOfCalls, statusOfError } from '../reply/status.ts';
import { type Allowance, isEntry, readAllowance } from './allowance.ts';
import { greeting } from './greeting.ts';
import type { IncomingRequest, PlanSource } from './incoming.ts';
import { roundMs } from './round.ts';
import { type Received, runStages } from './run-stages.ts';
import type { Service } from './service.ts';
import { refuseUnsupported } from './unsupported.ts';

/** Carries out one request, whatever protocol it came by, and gives the reply to encode. Never rejects. */
export async function answer(service: Service, request: IncomingRequest): Promise<Reply<RawReply>> {
  const arrivedAt = performance.now();
  const { protocol, method, headers } = request;
  const requestId = headers['x-request-id'] ?? randomUUID();
  const seen: RequestSeen = { protocol, method, uri: shownUri(pathOf(request.plan)), headers: shownHeaders(headers) };
  const trace = service.tracing.startRequest({ protocol, method, uri: seen.uri, headers });
  const work = await trace.run(() => carryOut({ service, request, trace, requestId, arrivedAt }, seen));
  const durationMs = roundMs(performance.now() - arrivedAt);
  const { traceId } = trace;
  const mesh = calleeMesh(headers);
  const { calls, ...done } = work;
  const reply: Reply<RawReply> = {
    ...service.identity,
    request: seen,
    ...done,
    durationMs,
    ...(traceId === undefined ? {} : { traceId }),
    ...(Object.keys(mesh).length === 0 ? {} : { mesh }),
    ...(calls === undefined ? {} : { calls }),
  };
  const { status, error } = reply;
  trace.run(() =>
    service.onAnswer({ request: seen, status, durationMs, traceId, requestId, problem: problemOf(reply) }),
  );
  trace.end({ status, grpcStatus: grpcStatusOf(status), ...(error === undefined ? {} : { error: error.code }) });
  return reply;
}

function pathOf(plan: PlanSource): string {
  return plan.kind === 'path' ? plan.path : '';
}

type Work = Pick<Reply<RawReply>, 'status' | 'body' | 'try' | 'error' | 'calls'>;

async function carryOut(received: Received, seen: RequestSeen): Promise<Work> {
  const { service, request, trace, arrivedAt } = received;
  try {
    const allowance = readAllowance(request.headers, service.limits, request.timeoutMs, arrivedAt);
    const plan = readPlan(request.plan, allowance);
    if (request.plan.kind === 'message') seen.uri = shownUri(formatPath(plan));
    refuseUnsupported(plan);
    trace.describe({ 'meshmock.budget_left': allowance.maxCalls, 'meshmock.depth_left': allowance.maxDepth });
    if (plan.kind === 'answer') return answerAlone(service, request, plan.uri || '/');
    const calls = await runStages({ ...received, allowance }, plan);
    if (request.signal.aborted) return { ...refused(new MeshmockError('canceled', 'the caller has gone')), calls };
    return { status: statusOfCalls(calls), calls };
  } catch (thrown) {
    return refused(thrown instanceof MeshmockError ? thrown : new MeshmockError('internal', String(thrown)));
  }
}

function refused(error: MeshmockError): Work {
  return { status: statusOfError[error.code], error: requestError(error) };
}

function readPlan(source: PlanSource, limits: Allowance): Plan {
  switch (source.kind) {
    case 'path':
      return parsePath(source.path, limits);
    case 'message':
      return fromMessage(source.message, limits);
    case 'unreadable':
      throw source.error;
  }
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
