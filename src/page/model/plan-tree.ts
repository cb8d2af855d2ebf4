import { formatPath } from '../../plan/format.ts';
import type {
  AnswerPlan,
  Call,
  CallOptions,
  CallsPlan,
  Directive,
  Header,
  Plan,
  Scheme,
  Stage,
} from '../../plan/plan.ts';

/** Maximum number of calls that the builder shows. Longer plans are edited as text. */
const mostCalls = 60;

/** Work of one service in the builder: its directives, then its calls or its answer. Unlike a plan, nothing is shared. */
export interface ServiceWork {
  directives: Directive[];
  /** Calls by stage; empty if the service answers itself. */
  stages: CallDraft[][];
  /** Path of an answer without calls. */
  uri: string;
}

/** Call in the builder. */
export interface CallDraft {
  scheme: Scheme;
  host: string;
  port: number;
  times: number;
  headers: Header[];
  options: CallOptions;
  /** Work of the callee. */
  work: ServiceWork;
}

/** Returns the work of a plan, or undefined if it has too many calls for the builder. */
export function workOf(plan: Plan): ServiceWork | undefined {
  const left = { calls: mostCalls };
  const work = readPlan(plan, left);
  return left.calls < 0 ? undefined : work;
}

function readPlan(plan: Plan, left: { calls: number }): ServiceWork {
  if (plan.kind === 'answer') return { directives: [...plan.directives], stages: [], uri: plan.uri || '/' };
  const stages = plan.stages.map((stage) => stage.map((call) => readCall(call, plan, left)));
  return { directives: [...plan.directives], stages, uri: '/' };
}

function readCall(
  { scheme, host, port, times, headers, options, then }: Call,
  plan: CallsPlan,
  left: { calls: number },
): CallDraft {
  left.calls--;
  const next = then ?? plan.then;
  const work = left.calls < 0 || next === undefined ? emptyWork() : readPlan(next, left);
  return { scheme, host, port, times, headers: [...headers], options, work };
}

/** Returns the work of a service that answers without calls. */
export function emptyWork(uri = '/'): ServiceWork {
  return { directives: [], stages: [], uri };
}

/**
 * Returns the plan of a work. Calls whose callees do the same share the continuation, so a chain has no parentheses.
 *
 * @example
 * formatPath(planOf(workOf(parsePath('/@a|b/x')))); // '/@a|b/x'
 */
export function planOf({ directives, stages, uri }: ServiceWork): Plan {
  const own: AnswerPlan = { kind: 'answer', directives, uri };
  if (stages.length === 0) return own;
  const plans = stages.map((stage) => stage.map(({ work }) => planOf(work)));
  const [first] = plans.flat();
  const text = first === undefined ? '/' : formatPath(first);
  const isShared = plans.flat().every((plan) => formatPath(plan) === text);
  const calls = stages.map((stage, at) =>
    stage.map((call, index) => callOf(call, isShared ? undefined : plans[at]?.[index])),
  );
  return { kind: 'calls', directives, stages: calls as Stage[], then: isShared ? first : undefined };
}

function callOf({ scheme, host, port, times, headers, options }: CallDraft, then: Plan | undefined): Call {
  const isPlain = then?.kind === 'answer' && then.directives.length === 0 && then.uri === '/';
  return { scheme, host, port, times, headers, options, then: isPlain ? undefined : then };
}
