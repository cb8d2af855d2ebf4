import type { Plan } from '../plan/plan.ts';
import type { CallErrorCode, CallResult, Reply } from '../reply/reply.ts';
import type { Edge } from './expectation.ts';

export type CallsEdge = Extract<Edge, { kind: 'calls' }>;

/** One call of a cascade. */
export interface SeenCall {
  /** The name by which the callee was called. */
  readonly host: string;
  /** Whether it is one of the edge. */
  readonly isMeant: boolean;
  readonly call: CallResult;
}

export interface Visitor {
  onCall(seen: SeenCall): void;
  /** Calls of the edge may have been made that no answer shows, for this reason. */
  onHidden(reason: string): void;
}

/** Errors after which nobody can have begun to carry out a plan. */
const neverArrived: ReadonlySet<CallErrorCode> = new Set(['refused', 'dns', 'unreachable', 'tls']);

/** Visits every call below an answer, and says where the plan could have led to calls of the edge that are not shown. */
export function walkCalls(root: CallResult, plan: Plan, edge: CallsEdge, visitor: Visitor): void {
  walkBelow(root, 'root', plan, edge, visitor);
}

function walkBelow(call: CallResult, host: string, plan: Plan | undefined, edge: CallsEdge, visitor: Visitor): void {
  const { reply } = call;
  const reason = hiddenReason(call);
  if (reason !== undefined && plan !== undefined && mayReach(plan, host, edge)) visitor.onHidden(reason);
  if (reply === undefined) return;
  const planned = plan?.kind === 'calls' ? plan.stages.flat() : [];
  const shared = plan?.kind === 'calls' ? plan.then : undefined;
  const isFrom = edge.from === undefined || isNamed(host, edge.from) || reply.service === edge.from;
  for (const [index, below] of (reply.calls ?? []).entries()) {
    const target = below.target.replace(/:\d+$/, '');
    const isMeant = isFrom && (isNamed(target, edge.to) || answererOf(below) === edge.to);
    visitor.onCall({ host: target, isMeant, call: below });
    walkBelow(below, target, planned[index]?.then ?? shared, edge, visitor);
  }
}

/** Why an answer does not show all that was done below a call. */
function hiddenReason({ reply, summary, error, answeredBy, attempts }: CallResult): string | undefined {
  if (summary !== undefined) return 'below a repeated call (*N) nothing is counted; use --repeat';
  if (attempts !== undefined) return 'of a call that was tried again, only the last attempt is shown';
  if ((reply?.prunedCalls ?? 0) > 0)
    return `${reply?.prunedCalls} calls were left out of the answer, to fit into gRPC's status; call over HTTP`;
  if (reply !== undefined) return undefined;
  if (error === undefined)
    return answeredBy === 'service' ? 'of an answer without a reply, nothing below is known' : undefined;
  return neverArrived.has(error.code)
    ? undefined
    : `what is below a call without an answer (${error.code}) is not known`;
}

/** Whether a service that is called by this name can make calls of the edge, itself or through others, by its plan. */
function mayReach(plan: Plan, host: string, { from, to }: CallsEdge): boolean {
  const names = [...namesIn(plan)];
  const reachesFrom = from === undefined || [host, ...names].some((name) => mayBe(name, from));
  return reachesFrom && names.some((name) => mayBe(name, to));
}

const namesOfPlans = new WeakMap<Plan, ReadonlySet<string>>();

/** Every host that a plan names, at any depth. Continuations are shared: each is looked at once. */
function namesIn(plan: Plan): ReadonlySet<string> {
  const known = namesOfPlans.get(plan);
  if (known !== undefined) return known;
  const names = new Set<string>();
  if (plan.kind === 'calls') {
    const calls = plan.stages.flat();
    for (const { host } of calls) names.add(host);
    for (const then of [plan.then, ...calls.map((call) => call.then)]) {
      for (const name of then === undefined ? [] : namesIn(then)) names.add(name);
    }
  }
  namesOfPlans.set(plan, names);
  return names;
}

/** A name may be written short: `reviews` is `reviews.default.svc.cluster.local` too. */
function isNamed(host: string, name: string): boolean {
  return host === name || host.startsWith(`${name}.`);
}

/** The pods of one version have a name of their own, and answer with that of the service. */
function mayBe(host: string, name: string): boolean {
  return isNamed(host, name) || host.startsWith(`${name}-`);
}

/** The service that answered, by its own word. */
function answererOf({ reply, summary }: CallResult): string | undefined {
  return reply?.service ?? answeredSample(summary?.samples)?.service;
}

function answeredSample(samples: readonly { readonly call: CallResult }[] = []): Reply | undefined {
  return samples.find(({ call }) => call.reply !== undefined)?.call.reply;
}
