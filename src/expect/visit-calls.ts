import type { Plan } from '../plan/plan.ts';
import { signedService } from '../reply/mesh-headers.ts';
import type { CallerMesh, CallResult, RefusalReason, Reply } from '../reply/reply.ts';
import { undeliveredErrors } from '../reply/status.ts';
import type { Edge } from './expectation.ts';

export type CallsEdge = Extract<Edge, { kind: 'calls' }>;

/** One call of a cascade. */
export interface VisitedCall {
  /** The name by which the callee was called. */
  readonly host: string;
  /** Whether it is one of the edge. */
  readonly isMeant: boolean;
  readonly call: CallResult;
}

export interface CallVisitor {
  onCall(seen: VisitedCall): void;
  /** Calls of the edge may have been made that no answer shows, for this reason. */
  onHidden(reason: string): void;
}

/**
 * Visits every call of an answer, the request itself included, and says where calls of the edge may not be shown:
 * where the plan leads to some and the answer does not tell, or where it does not tell who was called.
 *
 * @param plan what the service that is asked first is to do
 */
export function visitCalls(root: CallResult, plan: Plan, edge: CallsEdge, visitor: CallVisitor): void {
  const { reply, error } = root;
  // The request itself is a call to the first service, by whoever sends it. Only an answer tells who that is.
  const service = reply?.service ?? signedService(root);
  if (edge.from === undefined && service === edge.to) visitor.onCall({ host: edge.to, isMeant: true, call: root });
  if (service === undefined && !undeliveredErrors.has(error?.code ?? ''))
    visitor.onHidden(
      `the answer to the request (${error?.code ?? root.status}) is no meshmock's, and does not say which service it is from`,
    );
  walkBelow(root, 'root', plan, edge, visitor);
}

function walkBelow(
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
    walkBelow(below, hostOf(below), planned[index]?.then ?? shared, edge, visitor);
  }
}

function visitCall(call: CallResult, isFrom: boolean, { to }: CallsEdge, visitor: CallVisitor): void {
  if (call.error?.code === 'not_made') return;
  const host = hostOf(call);
  const meaning = isFrom ? meaningOf(call, host, to) : 'other';
  visitor.onCall({ host, isMeant: meaning === 'meant', call });
  if (meaning === 'perhaps') visitor.onHidden(`whether a call to ${host} was one to ${to} is not known`);
}

/** Whether calls of the edge may stand in what an answer does not show: by the plan, or by what is seen of such answers. */
function mayHide(call: CallResult, host: string, plan: Plan | undefined, edge: CallsEdge): boolean {
  const { reply, summary } = call;
  if (reply?.prunedCalls !== undefined || mayReach(plan, [host, reply?.service ?? host], edge)) return true;
  // Who calls others without a plan, as a proxy does.
  const shown = [reply, ...(summary?.samples ?? []).map((sample) => sample.call.reply)];
  return shown.some((seen) => leadsTo(seen, edge));
}

/** What a proxy refuses for before it sends the request anywhere. */
const neverSent: ReadonlySet<string> = new Set<RefusalReason>([
  'fault',
  'rbac_denied',
  'jwt_denied',
  'rate_limited',
  'no_route',
]);

/** Behind the first proxy there may have been attempts before the one that was refused. */
function isRefusedAtOnce({ proxy, upstreamMs, refusal }: CallerMesh = {}): boolean {
  return proxy !== undefined && upstreamMs === undefined && neverSent.has(refusal?.reason ?? '');
}

/** Why an answer does not show all that may have been done below a call. */
function hiddenReason({ reply, summary, error, answeredBy, attempts, mesh }: CallResult): string | undefined {
  const outcomes = attempts ?? Object.keys(summary?.byStatus ?? {});
  if (outcomes.length > 0 && outcomes.every((outcome) => undeliveredErrors.has(outcome))) return undefined;
  if (summary !== undefined) return 'below a repeated call (*N) nothing is counted; repeat the request instead';
  if (attempts !== undefined) return 'of a call that was tried again, only the last attempt is shown';
  if (reply !== undefined)
    return reply.prunedCalls === undefined
      ? undefined
      : `${reply.prunedCalls} calls were left out of the answer, to fit into gRPC's status; call over HTTP`;
  if (isRefusedAtOnce(mesh)) return undefined;
  if (error === undefined) return `what is below an answer without a reply (by ${answeredBy}) is not known`;
  return undeliveredErrors.has(error.code)
    ? undefined
    : `what is below a call without an answer (${error.code}) is not known`;
}

/** Whether a service by one of these names may make calls of the edge by its plan, itself or through others. */
function mayReach(plan: Plan | undefined, names: readonly string[], edge: CallsEdge): boolean {
  if (plan?.kind !== 'calls') return false;
  return pairsOf(plan, names).some(
    ([from, to]) => (edge.from === undefined || from === 'root' || mayBe(from, edge.from)) && mayBe(to, edge.to),
  );
}

type Pair = readonly [from: string, to: string];

/** Who calls whom by a plan, each pair once. A continuation is shared: it is looked at once for each who gets it. */
function pairsOf(plan: Plan, names: readonly string[]): readonly Pair[] {
  const pairs = new Map<string, Pair>();
  const seen = new Map<Plan, Set<string>>();
  const visit = (current: Plan, from: string): void => {
    const visited = seen.get(current) ?? new Set();
    if (current.kind !== 'calls' || visited.has(from)) return;
    seen.set(current, visited.add(from));
    for (const { host, then } of current.stages.flat()) {
      pairs.set(`${from} ${host}`, [from, host]);
      const continuation = then ?? current.then;
      if (continuation !== undefined) visit(continuation, host);
    }
  };
  for (const name of names) visit(plan, name);
  return [...pairs.values()];
}

/** Whether calls of the edge are seen below a reply, whatever its plan. */
function leadsTo(reply: Reply | undefined, edge: CallsEdge): boolean {
  return (reply?.calls ?? []).some(
    (call) =>
      ((edge.from === undefined || reply?.service === edge.from) &&
        meaningOf(call, hostOf(call), edge.to) !== 'other') ||
      leadsTo(call.reply, edge),
  );
}

/** Whether a call is one to a service: by the name that was called, or else by that which it answers with. */
function meaningOf(call: CallResult, host: string, to: string): 'meant' | 'perhaps' | 'other' {
  if (isNamed(host, to)) return 'meant';
  const services = answeringServices(call);
  if (services.length === 0) return mayBe(host, to) || isUnknown(call, host) ? 'perhaps' : 'other';
  if (!services.includes(to)) return 'other';
  return services.length === 1 ? 'meant' : 'perhaps';
}

/** The services that answered a call, by their own word. */
function answeringServices(call: CallResult): readonly string[] {
  if (call.summary?.byService !== undefined) return Object.keys(call.summary.byService);
  const service = call.reply?.service ?? signedService(call);
  return service === undefined ? [] : [service];
}

/** An address that did not answer may be anybody's. */
function isUnknown({ error }: CallResult, host: string): boolean {
  return /^[\d.]+$|^\[/.test(host) && error !== undefined && !undeliveredErrors.has(error.code);
}

function hostOf({ target }: CallResult): string {
  return target.replace(/:\d+$/, '');
}

/** A name may be written short: `reviews` is `reviews.default.svc.cluster.local` too. */
function isNamed(host: string, name: string): boolean {
  return host === name || host.startsWith(`${name}.`);
}

/** The pods of one version have a name of their own, and answer with that of the service; letters are the same to DNS. */
function mayBe(host: string, name: string): boolean {
  const [lower, wanted] = [host.toLowerCase(), name.toLowerCase()];
  return isNamed(lower, wanted) || lower.startsWith(`${wanted}-`);
}
