import { MeshmockError } from '../error/meshmock-error.ts';
import { formatPath } from '../plan/format.ts';
import { fromMessage } from '../plan/from-message.ts';
import { parsePath } from '../plan/parse.ts';
import type { CallsPlan, Directive, Plan } from '../plan/plan.ts';
import { redactUri } from '../reply/redaction.ts';
import { type CallResult, type RawReply, type ReceivedRequest, type Reply, shownBodyBytes } from '../reply/reply.ts';
import { requestError } from '../reply/request-error.ts';
import { grpcStatusOf, statusOfCalls, statusOfError } from '../reply/status.ts';
import { type Allowance, isEntry, readAllowance } from './allowance.ts';
import { largestForeignBytes } from './client.ts';
import { type DeadlineSignal, deadlineSignal } from './concurrency/deadline-signal.ts';
import { applyDirectives, type DirectiveEffects } from './directives/apply-directives.ts';
import { greeting } from './greeting.ts';
import type { PlanSource } from './incoming.ts';
import { proxyErrorText, proxyPlan, proxyText, type Role, webserverDirectives, webserverText } from './octopus.ts';
import { type Received, type Run, runStages } from './run-stages.ts';
import type { Service } from './service.ts';

/** What came of a request: what its reply says of it. */
export interface RequestOutcome
  extends Pick<Reply<RawReply>, 'status' | 'grpcStatus' | 'body' | 'try' | 'error' | 'calls'> {
  /** Whether who asks for no JSON gets the body alone, as from the servers that a role stands for. */
  readonly isPlain: boolean;
}

/**
 * Carries out a request: reads its plan, behaves as told, calls whom it names. Never rejects.
 *
 * @param seen gets the plan's path, when it came as a message
 * @param behaved gets what the directives did
 * @param attempt which attempt the request is, from 1
 */
export async function executeRequest(
  received: Received,
  seen: ReceivedRequest,
  behaved: DirectiveEffects,
  attempt: number,
): Promise<RequestOutcome | 'reset'> {
  const { service, request, trace, arrivedAt } = received;
  try {
    const allowance = readAllowance(request.headers, service.limits, request.timeoutMs, arrivedAt);
    const plan = readPlan(request.plan, allowance);
    if (request.plan.kind === 'message') seen.uri = redactUri(formatPath(plan));
    trace.describe({ 'meshmock.budget_left': allowance.maxCalls, 'meshmock.depth_left': allowance.maxDepth });
    const run: Run = { ...received, allowance, shownBodyBytes };
    const directives = directivesOf(service, plan);
    if (directives.length === 0 && plan.kind === 'answer' && service.role.kind !== 'proxy')
      return answerLocally(run, plan.uri || '/', behaved);
    const stop = stopSignal(run);
    try {
      if (directives.length > 0)
        await applyDirectives(service, directives, { identity: service.identity, attempt }, behaved, stop.signal);
      if (behaved.isReset === true) return 'reset';
      return await executePlan(run, plan, behaved, stop.signal);
    } finally {
      stop.dispose();
    }
  } catch (thrown) {
    return refused(thrown instanceof MeshmockError ? thrown : new MeshmockError('internal', String(thrown)));
  }
}

/** What is left of a plan when its directives have been carried out. */
async function executePlan(
  run: Run,
  plan: Plan,
  behaved: DirectiveEffects,
  stop: AbortSignal,
): Promise<RequestOutcome> {
  const { role } = run.service;
  const isFault = (behaved.status ?? 200) >= 400;
  if (plan.kind === 'calls') {
    if (isFault) return { ...responseOf(behaved), isPlain: false };
    const calls = await runStages(run, plan, stop);
    return { ...calledWork(run, calls, behaved), isPlain: false };
  }
  if (role.kind === 'proxy' && !isFault)
    return forwardUpstream(run, proxyPlan(role.upstream, plan.uri || '/'), behaved, stop);
  return answerLocally(run, plan.uri || '/', behaved);
}

/** Calls the upstream of a proxy. The caller's plan has not counted that call: what is left must suffice for it. */
async function forwardUpstream(
  run: Run,
  plan: CallsPlan,
  behaved: DirectiveEffects,
  stop: AbortSignal,
): Promise<RequestOutcome> {
  const { maxCalls, maxDepth } = run.allowance;
  if (maxCalls < 1 || maxDepth < 1) {
    const message = `the caller left this proxy ${maxCalls} calls and ${maxDepth} hops: it needs one of each for its upstream`;
    throw new MeshmockError('limit_exceeded', message);
  }
  const calls = await runStages({ ...run, shownBodyBytes: largestForeignBytes }, plan, stop);
  const { status, ...rest } = calledWork(run, calls, behaved);
  return { status, body: calls.map(proxyText).join(''), ...rest, isPlain: true };
}

/** What directives say of the answer. */
function responseOf({
  status = 200,
  grpcStatus,
  body,
}: DirectiveEffects): Pick<RequestOutcome, 'status' | 'grpcStatus' | 'body'> {
  return {
    status,
    ...(grpcStatus === undefined || grpcStatus === grpcStatusOf(status) ? {} : { grpcStatus }),
    ...(body === undefined ? {} : { body }),
  };
}

function calledWork(
  { request }: Run,
  calls: CallResult<RawReply>[],
  behaved: DirectiveEffects,
): Omit<RequestOutcome, 'isPlain'> {
  if (request.signal.aborted) return { ...refused(new MeshmockError('canceled', 'the caller has gone')), calls };
  const status = statusOfCalls(calls);
  return { ...responseOf(behaved), ...(status === 200 ? {} : { status }), calls };
}

/** Ends the delays and calls of a request when its deadline passes or its caller goes. */
function stopSignal({ request, allowance, arrivedAt }: Run): DeadlineSignal {
  const givenMs = Math.round(allowance.deadlineAt - arrivedAt);
  return deadlineSignal(
    request.signal,
    allowance.deadlineAt - performance.now(),
    () => ({ code: 'canceled', message: 'the caller has gone' }),
    () => ({ code: 'timeout', message: `no answer within the ${givenMs} ms that there were for this request` }),
  );
}

function refused(error: MeshmockError): RequestOutcome {
  return { status: statusOfError(error), error: requestError(error), isPlain: false };
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

/** Its own come first. */
function directivesOf({ behaviour, role }: Service, plan: Plan): readonly Directive[] {
  if (behaviour.length === 0 && role.kind === 'mock') return plan.directives;
  const ofRole = role.kind === 'webserver' && plan.kind === 'answer' ? webserverDirectives(plan.uri) : [];
  return [...behaviour, ...plan.directives, ...ofRole];
}

function answerLocally(run: Run, uri: string, behaved: DirectiveEffects): RequestOutcome {
  const { service, request } = run;
  const { status, ...rest } = responseOf(behaved);
  if (service.role.kind !== 'mock')
    return { status, body: roleText(run, service.role, uri, status), ...rest, isPlain: true };
  if (uri === '/' && behaved.done.length === 0 && isEntry(request.headers))
    return { status, ...greeting(service, request), isPlain: false };
  const { service: name, version } = service.identity;
  const method = request.protocol === 'http' ? request.method : 'Call';
  const body = `${name} ${version} answers ${method} ${uri}${status < 400 ? '' : ` with ${status}, as told`}`;
  return { status, body, ...rest, isPlain: false };
}

/** What a webserver says, or a proxy that is told not to call. */
function roleText(
  { service, arrivedAt }: Run,
  role: Exclude<Role, { kind: 'mock' }>,
  uri: string,
  status: number,
): string {
  const { pod, service: name } = service.identity;
  return role.kind === 'webserver'
    ? webserverText(role.content, uri, pod ?? name, status)
    : proxyErrorText(`status ${status}`, performance.now() - arrivedAt);
}
