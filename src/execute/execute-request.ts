import { MeshmockError } from '../error/meshmock-error.ts';
import { formatPath } from '../plan/format.ts';
import { fromMessage } from '../plan/from-message.ts';
import type { CallsPlan, Directive, Header, Plan } from '../plan/plan.ts';
import { type CallResult, callMethod, type RawReply, type Reply, shownBodyBytes } from '../reply/reply.ts';
import { requestError } from '../reply/request-error.ts';
import { grpcStatusOf, statusesOfError, statusOfCalls } from '../reply/status.ts';
import { type Allowance, isEntry, readAllowance } from './allowance.ts';
import type { Bound } from './budgets/limits.ts';
import { maxForeignBytes } from './client.ts';
import { DeadlineSignal } from './concurrency/deadline-signal.ts';
import { applyDirectives, type DirectiveEffects, noEffects } from './directives/apply-directives.ts';
import { greeting } from './greeting.ts';
import type { IncomingRequest, PlanSource } from './incoming.ts';
import { proxyErrorText, proxyPlan, proxyText, webserverDirectives, webserverText } from './octopus.ts';
import { callsOfPlan } from './plans/calls-of-plan.ts';
import { memoryOfPath, type PreparedPlan, preparedPlan } from './plans/known-plans.ts';
import type { PlanContext, RequestContext } from './request-context.ts';
import type { Role } from './role.ts';
import { runStages } from './run-stages.ts';
import type { Service } from './service.ts';

/** Part of a reply that the plan and its directives determine. */
export interface RequestOutcome
  extends Pick<Reply<RawReply>, 'status' | 'grpcStatus' | 'body' | 'try' | 'error' | 'calls'> {
  /** True if clients that do not accept JSON get the body alone, as from the servers that a role imitates. */
  readonly isPlain: boolean;
  /** Content type of a body that clients other than meshmocks get alone. */
  readonly contentType?: string;
  /** Headers of the answer, besides those of directives. */
  readonly headers?: readonly Header[];
}

/** Result of a request. */
export interface ExecutedRequest {
  readonly outcome: RequestOutcome | 'reset';
  readonly effects: DirectiveEffects;
  /** Canonical path of a plan that came as a message. */
  readonly path: string | undefined;
}

/** Executes a request: reads its plan, applies its directives and runs its stages. Never rejects. */
export async function executeRequest(context: RequestContext): Promise<ExecutedRequest> {
  let begun: BegunPlan | undefined;
  try {
    begun = beginPlan(context);
    const { outcome, effects } = await begun.executed;
    return { outcome, effects, path: begun.path };
  } catch (thrown) {
    return { outcome: errorOutcome(errorOf(thrown)), effects: noEffects, path: begun?.path };
  } finally {
    begun?.stop?.dispose();
  }
}

type ExecutedPlan = Pick<ExecutedRequest, 'outcome' | 'effects'>;

/** Plan that is being executed. */
interface BegunPlan {
  readonly path: string | undefined;
  readonly stop: DeadlineSignal | undefined;
  readonly executed: Promise<ExecutedPlan> | ExecutedPlan;
}

/**
 * Reads the plan of a request, and begins to execute it. No function that waits for calls has the plan among its values,
 * because an async function keeps them until it ends: the plan of a long chain is larger than all else that a request keeps.
 */
function beginPlan(context: RequestContext): BegunPlan {
  const { service, request, trace, arrivedAt } = context;
  takeBytes(context);
  const allowance = readAllowance(request.headers, service.limits, request.timeoutMs, arrivedAt);
  const prepared =
    service.role.kind === 'echo'
      ? preparedPlan(service.role.planOf(request, service.chance))
      : readPlan(service, request.plan, allowance);
  const { plan } = prepared;
  const path = request.plan.kind === 'message' ? formatPath(plan) : undefined;
  trace.describe({ 'meshmock.budget_left': allowance.maxCalls, 'meshmock.depth_left': allowance.maxDepth });
  const planContext: PlanContext = { ...context, allowance, shownBodyBytes, account: request.budget };
  const directives = directivesOf(service, plan);
  if (directives.length === 0 && plan.kind === 'answer' && service.role.kind !== 'proxy') {
    const outcome = answerLocally(planContext, plan.uri || '/', noEffects);
    return { path, stop: undefined, executed: { outcome, effects: noEffects } };
  }
  const stop = stopSignal(planContext);
  const executed =
    directives.length === 0
      ? executeAfterDirectives(planContext, prepared, noEffects, stop)
      : applyThenExecute(planContext, prepared, directives, stop);
  return { path, stop, executed };
}

/** Applies the directives of a plan, and then executes it. */
async function applyThenExecute(
  context: PlanContext,
  prepared: PreparedPlan,
  directives: readonly Directive[],
  stop: DeadlineSignal,
): Promise<ExecutedPlan> {
  const { service, request } = context;
  const facts = { identity: service.identity, attempt: context.attempt };
  const effects = await applyDirectives(service, directives, facts, stop);
  if (request.protocol === 'grpc') {
    const refusedBy = takeBodyBytes(context, effects.body);
    if (refusedBy !== undefined) return { outcome: errorOutcome(service.budgets.error(refusedBy)), effects };
  }
  const tooLarge = eventsError(request, effects, service.limits.maxSizeBytes);
  if (tooLarge !== undefined) {
    const { paced: _paced, ...others } = effects;
    return { outcome: errorOutcome(tooLarge), effects: others };
  }
  return executeAfterDirectives(context, prepared, effects, stop);
}

/** Executes a plan whose directives have been applied. An error does not change what they have done. */
function executeAfterDirectives(
  context: PlanContext,
  prepared: PreparedPlan,
  effects: DirectiveEffects,
  stop: DeadlineSignal,
): Promise<ExecutedPlan> | ExecutedPlan {
  const failed = (thrown: unknown): ExecutedPlan => ({ outcome: errorOutcome(errorOf(thrown)), effects });
  try {
    const outcome = outcomeAfterDirectives(context, prepared, effects, stop);
    return outcome instanceof Promise
      ? outcome.then((ofCalls) => ({ outcome: ofCalls, effects }), failed)
      : { outcome, effects };
  } catch (thrown) {
    return failed(thrown);
  }
}

/** Memory of a plan for each byte of a message, where two bytes are an object. */
const memoryOfMessageByte = 80;
/** Length of the longest path whose plan is not counted, since each request has memory for it. */
const shortPath = 64;

function memoryOfLongPath(path: string): number {
  return path.length <= shortPath ? 0 : memoryOfPath(path);
}

/**
 * Takes the memory of a plan before it is read.
 *
 * @throws MeshmockError `overloaded`
 */
function takeBytes({ service, request }: RequestContext): void {
  const { plan } = request;
  if (plan.kind === 'unreadable' || plan.kind === 'text') return;
  const bytes = plan.kind === 'path' ? memoryOfLongPath(plan.path) : memoryOfMessageByte * plan.bytes;
  // A body that the plan passes on is refused here too, if there was no room for it.
  const refusedBy = request.body?.refusedBy ?? request.budget.reserve(bytes);
  if (refusedBy !== undefined) throw service.budgets.error(refusedBy);
}

/**
 * Takes the memory of a body of `~size` that is sent in one message: the text, the message, and its copy in a frame.
 *
 * @returns the bound that refuses it
 */
function takeBodyBytes({ request }: RequestContext, body: DirectiveEffects['body']): Bound | undefined {
  return typeof body === 'object' ? request.budget.reserve(copiesOfMessage * body.byteLength) : undefined;
}

const copiesOfMessage = 3;

/** Returns an error if the events or messages of an answer, which each have the body, are larger than one body may be. */
function eventsError(
  { protocol, method }: IncomingRequest,
  { paced, body = '' }: DirectiveEffects,
  maxBytes: number,
): MeshmockError | undefined {
  const isRepeated = paced?.kind === 'events' || (protocol === 'grpc' && method !== callMethod);
  if (paced === undefined || !isRepeated) return undefined;
  const bytes = paced.count * (typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength);
  if (bytes <= maxBytes) return undefined;
  return new MeshmockError(
    'limit_exceeded',
    `the ${protocol === 'grpc' ? 'messages' : 'events'} have ${bytes} bytes, and --max-size is ${maxBytes}`,
  );
}

/** Returns the outcome of a request whose directives have been applied. If they did not end it, executes its plan. */
function outcomeAfterDirectives(
  context: PlanContext,
  prepared: PreparedPlan,
  effects: DirectiveEffects,
  stop: DeadlineSignal,
): Promise<RequestOutcome> | RequestOutcome | 'reset' {
  switch (effects.end.kind) {
    case 'completed':
      return executePlan(context, prepared, effects, stop);
    case 'reset':
      return 'reset';
    case 'failed':
      return errorOutcome(effects.end.error);
  }
}

/** Executes a plan whose directives have been applied. */
function executePlan(
  context: PlanContext,
  { plan, calls }: PreparedPlan,
  effects: DirectiveEffects,
  stop: DeadlineSignal,
): Promise<RequestOutcome> | RequestOutcome {
  const { service, request } = context;
  const role = roleOf(service, request);
  const isFault = (effects.status ?? 200) >= 400;
  if (calls !== undefined) {
    if (isFault) return { ...responseOf(effects), isPlain: false };
    return outcomeOfCalls(context, runStages(context, calls, stop), effects);
  }
  if (role.kind === 'proxy' && !isFault)
    return forwardUpstream(context, proxyPlan(role.upstream, plan.uri || '/'), effects, stop);
  return answerLocally(context, plan.uri || '/', effects);
}

/** Returns the outcome of calls that run. Without the plan among its parameters, no request keeps its plan meanwhile. */
async function outcomeOfCalls(
  context: PlanContext,
  running: Promise<CallResult<RawReply>[]>,
  effects: DirectiveEffects,
): Promise<RequestOutcome> {
  return { ...responseWithCalls(context, await running, effects), isPlain: false };
}

/** Calls the upstream of a proxy. The plan does not contain that call, so the remaining limits must allow it. */
async function forwardUpstream(
  context: PlanContext,
  plan: CallsPlan,
  effects: DirectiveEffects,
  stop: DeadlineSignal,
): Promise<RequestOutcome> {
  const { maxCalls, maxDepth } = context.allowance;
  if (maxCalls < 1 || maxDepth < 1) {
    const left = `the caller leaves ${maxCalls} calls and ${maxDepth} hops`;
    throw new MeshmockError('limit_exceeded', `a proxy needs one call and one hop for its upstream, but ${left}`);
  }
  const calls = await runStages({ ...context, shownBodyBytes: maxForeignBytes }, callsOfPlan(plan), stop);
  const { status, ...rest } = responseWithCalls(context, calls, effects);
  return { status, body: calls.map((call) => proxyText(call, context.account)).join(''), ...rest, isPlain: true };
}

/** Returns the response that directives determine. */
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

function responseWithCalls(
  { request }: PlanContext,
  calls: CallResult<RawReply>[],
  effects: DirectiveEffects,
): Omit<RequestOutcome, 'isPlain'> {
  if (request.signal.aborted) return { ...errorOutcome(new MeshmockError('canceled', clientCanceled)), calls };
  const status = statusOfCalls(calls);
  return { ...responseOf(effects), ...(status === 200 ? {} : { status }), calls };
}

const clientCanceled = 'the client canceled the request';

/** Returns a signal that ends delays and calls when the deadline of a request passes or its client cancels it. */
function stopSignal({ request, allowance, arrivedAt }: PlanContext): DeadlineSignal {
  const givenMs = Math.round(allowance.deadlineAt - arrivedAt);
  return new DeadlineSignal(
    request.signal,
    allowance.deadlineAt - performance.now(),
    () => ({ code: 'canceled', message: clientCanceled }),
    () => ({ code: 'timeout', message: `no answer within the ${givenMs} ms that this request had` }),
  );
}

function errorOf(thrown: unknown): MeshmockError {
  return thrown instanceof MeshmockError ? thrown : new MeshmockError('internal', String(thrown));
}

function errorOutcome(error: MeshmockError): RequestOutcome {
  return { ...statusesOfError(error), error: requestError(error), isPlain: false };
}

function readPlan({ plans }: Service, source: PlanSource, limits: Allowance): PreparedPlan {
  switch (source.kind) {
    case 'path':
      return plans.read(source.path, limits);
    case 'message':
      return preparedPlan(fromMessage(source.message, limits));
    case 'text':
      return preparedPlan({ kind: 'answer', directives: [], uri: source.text });
    case 'unreadable':
      throw source.error;
  }
}

/** Returns all directives of a request; those of the service itself come first. */
function directivesOf({ behaviour, role }: Service, plan: Plan): readonly Directive[] {
  if (behaviour.length === 0 && role.kind === 'mock') return plan.directives;
  const ofRole = role.kind === 'webserver' && plan.kind === 'answer' ? webserverDirectives(plan.uri) : [];
  return [...behaviour, ...plan.directives, ...ofRole];
}

/** Returns the role of a service for a request. A proxy and a webserver are of HTTP. */
function roleOf({ role }: Service, { protocol }: IncomingRequest): Role {
  return protocol === 'tcp' && role.kind !== 'echo' ? { kind: 'mock' } : role;
}

function answerLocally(context: PlanContext, uri: string, effects: DirectiveEffects): RequestOutcome {
  const { service, request } = context;
  const { status, ...rest } = responseOf(effects);
  // The servers write the request itself.
  const role = roleOf(service, request);
  if (role.kind === 'echo') return { status, ...rest, isPlain: false };
  if (
    role.kind === 'stand-in' &&
    request.protocol === 'http' &&
    effects.status === undefined &&
    effects.body === undefined
  ) {
    const stored = role.answers.find(request.method, uri);
    if (stored !== undefined) return { ...stored, isPlain: false };
  }
  if (role.kind !== 'mock' && role.kind !== 'stand-in')
    return { status, body: roleText(context, role, uri, status), ...rest, isPlain: true };
  if (request.protocol !== 'tcp' && uri === '/' && effects.applied.length === 0 && isEntry(request.headers))
    return { status, ...greeting(service, request), isPlain: false };
  const { service: name, version } = service.identity;
  const answered = `${shownRequest(request, uri)}${status < 400 ? '' : ` with ${status}, as a directive says`}`;
  return { status, body: `${name} ${version} answers ${answered}`, ...rest, isPlain: false };
}

/** Returns the method and the URI of a request. The path of a gRPC method says both, and TCP has no method. */
function shownRequest({ protocol, method }: IncomingRequest, uri: string): string {
  switch (protocol) {
    case 'http':
      return `${method} ${uri}`;
    case 'grpc':
      return method === callMethod ? `Call ${uri}` : method;
    case 'tcp':
      return uri;
  }
}

/** Returns the text of a webserver, or of a proxy whose directives end the request. */
function roleText(
  { service, arrivedAt }: PlanContext,
  role: Exclude<Role, { kind: 'mock' | 'echo' | 'stand-in' }>,
  uri: string,
  status: number,
): string {
  const { pod, service: name } = service.identity;
  return role.kind === 'webserver'
    ? webserverText(role.content, uri, pod ?? name, status)
    : proxyErrorText(`status ${status}`, performance.now() - arrivedAt);
}
