import type { Plan } from '../plan/plan.ts';
import { signedService } from '../reply/mesh-headers.ts';
import type { CallerMesh, CallResult, RefusalReason, Reply } from '../reply/reply.ts';
import { undeliveredErrors } from '../reply/status.ts';
import type { Edge } from './expectation.ts';

/** Edge other than the request itself. */
export type CallsEdge = Extract<Edge, { kind: 'calls' }>;

/** One call of a cascade. */
export interface VisitedCall {
  /** Host name of the callee, as the caller wrote it. */
  readonly host: string;
  /** True if the call belongs to the edge. */
  readonly isOfEdge: boolean;
  readonly call: CallResult;
}

export interface CallVisitor {
  onCall(visited: VisitedCall): void;
  /** Reports a reason for which the answer may not show all calls of the edge. */
  onHidden(reason: string): void;
  /** Receives the request itself, if the first service is the one of the edge, and no call of the plan goes to it. */
  onFirst?(call: CallResult): void;
}

/**
 * Visits every call of an answer, the request itself included. It also reports where the answer may hide calls of the
 * edge: where the plan leads to such calls and the answer does not show them, or where the callee is unknown.
 *
 * @param plan plan of the first service
 */
export function visitCalls(root: CallResult, plan: Plan, edge: CallsEdge, visitor: CallVisitor): void {
  const { reply, error } = root;
  // Only the answer shows which service is the first one.
  const service = reply?.service ?? signedService(root);
  if (service === undefined && !undeliveredErrors.has(error?.code ?? ''))
    visitor.onHidden(
      `the answer to the request (${error?.code ?? root.status}) is not from a meshmock and does not name its service`,
    );
  let isCalled = isCalledBy(plan, edge.to);
  visitBelow(root, 'root', plan, edge, {
    onCall: (visited) => {
      isCalled ||= visited.isOfEdge;
      visitor.onCall(visited);
    },
    onHidden: (reason) => visitor.onHidden(reason),
  });
  // The request itself is a call to the first service, unless this service is called too: such a call counts once.
  if (edge.from === undefined && service === edge.to && !isCalled) visitor.onFirst?.(root);
}

function visitBelow(
  call: CallResult,
  host: string,
  plan: Plan | undefined,
  edge: CallsEdge,
  visitor: CallVisitor,
): void {
  const { reply } = call;
  const reason = hiddenReason(call);
  if (reason !== undefined && mayHide(call, host, plan, edge)) visitor.onHidden(reason);
  if (reply === undefined) return;
  const planned = plan?.kind === 'calls' ? plan.stages.flat() : [];
  const shared = plan?.kind === 'calls' ? plan.then : undefined;
  const isFrom = edge.from === undefined || isNamed(host, edge.from) || reply.service === edge.from;
  for (const [index, below] of (reply.calls ?? []).entries()) {
    visitCall(below, isFrom, edge, visitor);
    visitBelow(below, hostOf(below), planned[index]?.then ?? shared, edge, visitor);
  }
}

function visitCall(call: CallResult, isFrom: boolean, { to }: CallsEdge, visitor: CallVisitor): void {
  if (call.error?.code === 'not_made') return;
  const host = hostOf(call);
  const match = isFrom ? matchOf(call, host, to) : 'no';
  visitor.onCall({ host, isOfEdge: match === 'yes', call });
  if (match === 'unknown') visitor.onHidden(`a call to ${host} may or may not have reached ${to}`);
}

/** Reports whether the hidden part of an answer may contain calls of the edge: by the plan, or by the visible replies. */
function mayHide(call: CallResult, host: string, plan: Plan | undefined, edge: CallsEdge): boolean {
  const { reply, summary } = call;
  if (reply?.prunedCalls !== undefined || mayReach(plan, [host, reply?.service ?? host], edge)) return true;
  // A service in the role of a proxy calls others without a plan.
  const shown = [reply, ...(summary?.samples ?? []).map((sample) => sample.call.reply)];
  return shown.some((visible) => leadsTo(visible, edge));
}

/** Reasons for which a proxy refuses a request before it sends it anywhere. */
const reasonsBeforeSending: ReadonlySet<string> = new Set<RefusalReason>([
  'fault',
  'rbac_denied',
  'jwt_denied',
  'rate_limited',
  'no_route',
]);

/** Reports whether the first proxy refused the request without sending it. A later proxy may refuse only the last attempt. */
function isRefusedAtOnce({ proxy, upstreamMs, refusal }: CallerMesh = {}): boolean {
  return proxy !== undefined && upstreamMs === undefined && reasonsBeforeSending.has(refusal?.reason ?? '');
}

/** Returns why an answer may not show all calls below a call, or undefined if it shows them all. */
function hiddenReason({ reply, summary, error, answeredBy, attempts, mesh }: CallResult): string | undefined {
  const outcomes = attempts ?? Object.keys(summary?.byStatus ?? {});
  if (outcomes.length > 0 && outcomes.every((outcome) => undeliveredErrors.has(outcome))) return undefined;
  if (summary !== undefined) return 'the calls below a repeated call (*N) are not counted; repeat the request instead';
  if (attempts !== undefined) return 'only the last attempt of a retried call is shown';
  if (reply !== undefined)
    return reply.prunedCalls === undefined
      ? undefined
      : `${reply.prunedCalls} calls were removed from the answer, to fit into the gRPC status; call over HTTP`;
  if (isRefusedAtOnce(mesh)) return undefined;
  if (error === undefined) return `the calls below an answer that is not a reply (by ${answeredBy}) are unknown`;
  return undeliveredErrors.has(error.code)
    ? undefined
    : `the calls below a call without an answer (${error.code}) are unknown`;
}

/** Reports whether a service with one of these names may make calls of the edge by its plan, directly or through others. */
function mayReach(plan: Plan | undefined, names: readonly string[], edge: CallsEdge): boolean {
  if (plan?.kind !== 'calls') return false;
  return pairsOf(plan, names).some(
    ([from, to]) => (edge.from === undefined || from === 'root' || mayBe(from, edge.from)) && mayBe(to, edge.to),
  );
}

/** Reports whether a plan calls a service by its name. */
function isCalledBy(plan: Plan, name: string): boolean {
  return pairsOf(plan, ['root']).some(([, to]) => isNamed(to.toLowerCase(), name.toLowerCase()));
}

type Pair = readonly [from: string, to: string];

/** Returns each pair of caller and callee of a plan once. A shared continuation is visited once for each callee. */
function pairsOf(plan: Plan, names: readonly string[]): readonly Pair[] {
  const pairs = new Map<string, Pair>();
  const visited = new Map<Plan, Set<string>>();
  const visit = (current: Plan, from: string): void => {
    const callers = visited.get(current) ?? new Set();
    if (current.kind !== 'calls' || callers.has(from)) return;
    visited.set(current, callers.add(from));
    for (const { host, then } of current.stages.flat()) {
      pairs.set(`${from} ${host}`, [from, host]);
      const continuation = then ?? current.then;
      if (continuation !== undefined) visit(continuation, host);
    }
  };
  for (const name of names) visit(plan, name);
  return [...pairs.values()];
}

/** Reports whether a reply shows calls of the edge, or calls that may be such. */
function leadsTo(reply: Reply | undefined, edge: CallsEdge): boolean {
  return (reply?.calls ?? []).some(
    (call) =>
      ((edge.from === undefined || reply?.service === edge.from) && matchOf(call, hostOf(call), edge.to) !== 'no') ||
      leadsTo(call.reply, edge),
  );
}

/** Returns whether a call is one to a service: by the host name, or else by the service that answers. */
function matchOf(call: CallResult, host: string, to: string): 'yes' | 'no' | 'unknown' {
  if (isNamed(host, to)) return 'yes';
  const services = answeringServices(call);
  if (services.length === 0) return mayBe(host, to) || isUnknown(call, host) ? 'unknown' : 'no';
  if (!services.includes(to)) return 'no';
  return services.length === 1 ? 'yes' : 'unknown';
}

/** Returns the names of the services that answered a call. */
function answeringServices(call: CallResult): readonly string[] {
  if (call.summary?.byService !== undefined) return Object.keys(call.summary.byService);
  const service = call.reply?.service ?? signedService(call);
  return service === undefined ? [] : [service];
}

/** Reports whether a call went to an IP address that did not answer: it may belong to any service. */
function isUnknown({ error }: CallResult, host: string): boolean {
  return /^[\d.]+$|^\[/.test(host) && error !== undefined && !undeliveredErrors.has(error.code);
}

function hostOf({ target }: CallResult): string {
  return target.replace(/:\d+$/, '');
}

/** Reports whether a host is a service by its short name: `reviews` is also `reviews.default.svc.cluster.local`. */
function isNamed(host: string, name: string): boolean {
  return host === name || host.startsWith(`${name}.`);
}

/** Reports whether a host may be a service: `reviews-v2` answers as `reviews`, and DNS ignores the case of letters. */
function mayBe(host: string, name: string): boolean {
  const [lower, wanted] = [host.toLowerCase(), name.toLowerCase()];
  return isNamed(lower, wanted) || lower.startsWith(`${wanted}-`);
}
