import { countsText, outcomeWords } from './graph-words.ts';
import type { EdgeRefusal, MeshChange, MeshEdge, MeshNode, MeshState, Traffic } from './mesh-page-data.ts';

/** Reasons of refusals in words that need no knowledge of Istio. */
const reasons: Readonly<Record<EdgeRefusal['reason'], string>> = {
  no_healthy_upstream: 'no healthy pod',
  connect_failure: 'no connection',
  upstream_reset: 'connection was cut',
  timeout: 'timeout',
  fault: 'injected fault',
  rbac_denied: 'policy',
  jwt_denied: 'token',
  rate_limited: 'rate limit',
  overflow: 'too many at once',
  no_route: 'no route',
  plain_text: 'plain text',
  unknown: 'unknown reason',
};

/** Returns the reason of a refusal in words, such as `policy`. */
export function reasonWords(reason: EdgeRefusal['reason']): string {
  return reasons[reason] ?? reason;
}

/** Returns the name of a node; one without data has the name `unknown`. */
export function nameOf(node: MeshNode | undefined): string {
  return node?.name ?? 'unknown';
}

/** Returns the names of both ends of an edge, such as `service1 → service3`. */
export function edgeTitle(state: MeshState, id: string): string {
  const edge = state.edges.find((one) => one.id === id);
  const [from, to] = edge === undefined ? id.split(' ') : [edge.from, edge.to];
  const title = (end: string | undefined): string => state.nodes.find((node) => node.id === end)?.name ?? end ?? '';
  return `${title(from)} → ${title(to)}`;
}

/** Kind of a service of a mesh of processes, in a change that says that it has ended. */
export const processKind = 'Process';

/** Number of objects that a title names, and of the changed fields of one. */
const mostNamed = 2;

/** Returns a change in words: `created AuthorizationPolicy service3`, `changed Deployment reviews (replicas 1 → 2)`. */
export function changeTitle({ by, objects, more }: MeshChange): string {
  const all = objects.length + more;
  if (by === 'start') return `the mesh started with ${all} ${all === 1 ? 'object' : 'objects'}`;
  const named = objects.slice(0, mostNamed).map(({ change, kind, name, words = [] }) => {
    if (kind === processKind) return `${name} has ended`;
    if (by === 'refused') return `${kind} ${name}`;
    const fields = [...words.slice(0, mostNamed), ...(words.length > mostNamed ? ['…'] : [])].join('; ');
    return `${change} ${kind} ${name}${fields === '' ? '' : ` (${fields})`}`;
  });
  const rest = all - named.length;
  const refused = by === 'refused' ? 'not applied, because it was refused: ' : '';
  return refused + [...named, ...(rest > 0 ? [`${rest} more`] : [])].join(', ');
}

/** Reports whether an edge has had no request in the last minute. */
export function isQuiet({ traffic }: MeshEdge): boolean {
  return traffic.requests === 0;
}

/** Returns the number of refusals of an edge in the last minute. */
export function refusedOf({ refusals }: MeshEdge): number {
  return refusals.reduce((sum, { count }) => sum + count, 0);
}

/**
 * Returns the number of connections of an edge in the last minute that a proxy refused before it read a request. They do not
 * count as calls.
 */
export function refusedConnectionsOf({ refusals }: MeshEdge): number {
  return refusals.reduce((sum, { reason, count }) => sum + (reason === 'plain_text' ? count : 0), 0);
}

/** Returns in words that the object that decided about a refusal is deleted since then; empty if it exists. */
export function deletedText({ object }: EdgeRefusal, { objects }: Pick<MeshState, 'objects'>): string {
  if (object === undefined || objects.some(({ id }) => id === object.id)) return '';
  return ` ${object.title} is deleted by now.`;
}

/** Number of reasons that a verdict explains. */
const mostReasons = 3;

/** Returns the reasons of an edge's refusals in sentences, those of objects that exist first. */
export function refusalSentences({ refusals }: MeshEdge, state: Pick<MeshState, 'objects'>): string {
  const [deleted, others] = [true, false].map((is) =>
    refusals.filter((one) => (deletedText(one, state) !== '') === is),
  );
  const sorted = [...(others ?? []), ...(deleted ?? [])];
  const texts = [...new Set(sorted.map((one) => `${one.explanation}${deletedText(one, state)}`))];
  const more = texts.length - mostReasons;
  return [...texts.slice(0, mostReasons), ...(more > 0 ? [`And ${more} more.`] : [])].join(' ');
}

/**
 * Returns the retries of an edge in words; undefined if there are none.
 *
 * @example
 * retriesText({ retries: 2 }); // '2 retries by the proxy'
 */
export function retriesText({ retries = 0 }: Pick<Traffic, 'retries'>): string | undefined {
  return retries === 0 ? undefined : `${retries} ${retries === 1 ? 'retry' : 'retries'} by the proxy`;
}

/** Returns copies for a mirror in words. */
export function copiesText(count: number): string {
  return `${count} ${count === 1 ? 'copy' : 'copies'} for a mirror`;
}

/** Returns connections that were refused in words, such as `43 connections refused before a call (plain text)`. */
export function refusedConnectionsText(count: number): string {
  return `${count} ${count === 1 ? 'connection' : 'connections'} refused before a call (${reasonWords('plain_text')})`;
}

/** Returns the number of requests of an edge in the last minute that failed, besides those that a proxy refused. */
export function failedOf({ traffic, refusals }: MeshEdge): number {
  return Math.max(0, traffic.errors - refusals.reduce((sum, { errors }) => sum + errors, 0));
}

/** Returns the number of requests of an edge in the last minute that the service itself answered with 4xx. */
function rejectedOf({ traffic, refusals }: MeshEdge): number {
  return Math.max(0, traffic.rejected - refusals.reduce((sum, { count, errors }) => sum + count - errors, 0));
}

/**
 * Returns the first line of the label of an edge: protocols other than HTTP, and statuses with their numbers.
 *
 * @example
 * edgeLabel(edge); // '200 ×40, 403 ×5'
 */
export function edgeLabel(edge: MeshEdge): string {
  const isHttp = edge.protocols.every((protocol) => protocol === 'http');
  const protocols = isHttp ? '' : edge.protocols.join(', ');
  if (isQuiet(edge)) return `${protocols} no calls`.trim();
  return `${protocols} ${statusText(edge.traffic, edge.protocols)}`.trim();
}

/** Returns the statuses of requests with their numbers. */
export function statusText({ byStatus }: Pick<Traffic, 'byStatus'>, protocols: MeshEdge['protocols'] = []): string {
  const named = Object.entries(byStatus).map(([status, count]) => [statusWords(status, protocols), count] as const);
  return named.length === 0 ? 'no calls' : countsText(new Map(named));
}

function statusWords(status: string, protocols: MeshEdge['protocols']): string {
  if (status === 'tcp') return 'connection';
  // The protocol is before all statuses.
  if (status.startsWith('grpc ')) return protocols.length === 1 && protocols[0] === 'grpc' ? status.slice(5) : status;
  return status === 'no answer' ? status : outcomeWords(status);
}

/** Sums of a whole mesh in the last minute. */
export interface MeshSums {
  readonly requests: number;
  readonly edges: number;
  readonly refused: number;
  /** Connections that were refused before a request. They are not among the others. */
  readonly connections: number;
  readonly failed: number;
  /** Answered with 4xx, or with a gRPC status that means the same, and not by a proxy as far as its log shows. */
  readonly rejected: number;
  /** Failed only because a call further on failed. */
  readonly inherited: number;
}

/** Counts the requests of a mesh in the last minute. */
export function meshSums({ edges }: MeshState): MeshSums {
  const busy = edges.filter((edge) => !isQuiet(edge));
  const sumOf = (countOf: (edge: MeshEdge) => number): number => edges.reduce((sum, edge) => sum + countOf(edge), 0);
  return {
    requests: sumOf(({ traffic }) => traffic.requests),
    edges: busy.length,
    refused: sumOf((edge) => refusedOf(edge) - refusedConnectionsOf(edge)),
    connections: sumOf(refusedConnectionsOf),
    failed: sumOf((edge) => failedOf(edge) - passedOnOf(edge, edges)),
    rejected: sumOf(rejectedOf),
    inherited: sumOf((edge) => passedOnOf(edge, edges)),
  };
}

/** Proxies are not read at the same moment. So this number of failures may be missing, and this share. */
const unreadCalls = 2;
const unreadShare = 0.1;

/**
 * Returns the number of requests that failed because a call further on failed: the callee itself answered with 502 or 504, and
 * its own calls failed as often in the same time.
 */
export function passedOnOf(edge: MeshEdge, edges: readonly MeshEdge[]): number {
  const passed = mostPassedOn(edge);
  const ofAll = edges.filter(({ to }) => to === edge.to).reduce((sum, one) => sum + mostPassedOn(one), 0);
  const further = failingCalls(edge.to, edges).reduce(
    (sum, one) => sum + one.traffic.errors + one.traffic.rejected + refusedConnectionsOf(one),
    0,
  );
  const isAll = further > 0 && further + unreadCalls >= ofAll * (1 - unreadShare);
  // Counters do not show which caller a failure further on was for: only those that no other caller explains count.
  return isAll ? passed : Math.max(0, further - (ofAll - passed));
}

function mostPassedOn(edge: MeshEdge): number {
  return Math.min(edge.traffic.passedOn ?? 0, failedOf(edge));
}

/** Returns the edges from a node on which requests of the last minute failed or were refused. */
export function failingCalls(from: string, edges: readonly MeshEdge[]): readonly MeshEdge[] {
  return edges.filter((edge) => edge.from === from && (edge.traffic.errors > 0 || edge.refusals.length > 0));
}

/**
 * Returns why a call further on fails: its object, or the reasons of its proxies.
 *
 * @example
 * failureCause(edge); // 'is refused by AuthorizationPolicy default/stock-viewers'
 */
export function failureCause({ refusals, traffic, protocols }: MeshEdge): string {
  const [first] = refusals;
  if (first === undefined) return `fails (${statusText(traffic, protocols)})`;
  return `is refused by ${first.object?.title ?? `a proxy (${reasonWords(first.reason)})`}`;
}

/** Time that an open page needs until its counts cover a minute, in milliseconds. */
const almostMinuteMs = 55_000;

/**
 * Returns the time that the counts of a state cover: a minute, or the time for which a page has been open.
 *
 * @example
 * windowText({ windowMs: 60_000 }); // 'in the last minute'
 */
export function windowText({ windowMs }: Pick<MeshState, 'windowMs'>): string {
  if (windowMs >= almostMinuteMs) return 'in the last minute';
  return `in the last ${Math.max(1, Math.round(windowMs / 1000))} s`;
}

/** Returns a time of day, such as `14:03:21`. */
export function timeOfDay(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}

/**
 * Returns how long ago something was.
 *
 * @example
 * ago(61_000); // '1 min ago'
 */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 5) return 'now';
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min ago` : `${Math.round(minutes / 60)} h ago`;
}
