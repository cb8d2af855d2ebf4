import type { RefusalReason } from '../../reply/reply.ts';
import type { PageLinks } from './page-data.ts';

/** Paths of the page of a local mesh. All take GET only. */
export const meshPaths = {
  page: '/',
  /** Server-sent events: `state` with a MeshState, and `end` with a text when the mesh ends. */
  events: '/-/mesh/events',
  /** MeshState as JSON, for programs. */
  state: '/-/mesh/state',
  /** EdgeDetails of `?from=NODE&to=NODE`. */
  edge: '/-/mesh/edge',
  /** ObjectText of `?id=OBJECT`. */
  object: '/-/mesh/object',
  /** TraceList, newest first; with `?since=MS`, only traces that began after a time, in milliseconds since the epoch. */
  traces: '/-/mesh/traces',
  /** TraceView of `?id=TRACE`. */
  trace: '/-/mesh/trace',
} as const;

/** Data of the page of a local mesh, in the data block of its HTML. */
export interface MeshPageData {
  readonly state: MeshState;
  readonly links: PageLinks;
}

/** Error of a request for data, as JSON, with a status of 400 and more. */
export interface MeshPageError {
  readonly error: string;
}

/** A mesh with its traffic at one time. */
export interface MeshState {
  /** Name of the mesh. */
  readonly mesh: string;
  /** `istio`: with proxies, as of `meshmock istio up`. `processes`: without, as of `meshmock up`; the services count. */
  readonly kind: 'istio' | 'processes';
  /** Time of the state, in milliseconds since the epoch. */
  readonly atMs: number;
  /** Time that the traffic covers, in milliseconds: 0 at first, and 60,000 after a minute with an open page. */
  readonly windowMs: number;
  readonly nodes: readonly MeshNode[];
  readonly edges: readonly MeshEdge[];
  /** Objects of Istio and the Gateway API, without those that the local mesh made itself. */
  readonly objects: readonly MeshObject[];
  /** Changes of such objects, of workloads and of pods, the newest first. */
  readonly changes: readonly MeshChange[];
  /** Reason why the state is older than it should be. */
  readonly problem?: string;
}

/** Service with its pods, or something else that sends or receives requests. */
export interface MeshNode {
  /** `NAME.NAMESPACE`; the host of something outside. */
  readonly id: string;
  readonly name: string;
  /** Absent outside the mesh. */
  readonly namespace?: string;
  /**
   * `service`: mocks. `gateway`: Envoy alone. `outside`: clients that the mesh does not know, such as those before a gateway.
   * `host`: a host that is not in the mesh. `missing`: a service without a pod, or one whose pods were deleted.
   */
  readonly kind: 'service' | 'gateway' | 'outside' | 'host' | 'missing';
  readonly versions: readonly MeshVersion[];
  /** URL of the service's own page on this machine, where plans are run. Gateways have the URL of their first port. */
  readonly url?: string;
}

export interface MeshVersion {
  /** Empty for gateways. */
  readonly version: string;
  readonly pods: readonly MeshNodePod[];
}

export interface MeshNodePod {
  readonly name: string;
  readonly address: string;
  readonly hasSidecar: boolean;
  readonly isReady: boolean;
  readonly serviceAccount: string;
}

/** All requests from one node to another. */
export interface MeshEdge {
  /** `FROM TO`: the ids of the nodes. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly protocols: readonly ('http' | 'grpc' | 'tcp')[];
  /** Traffic of the last minute, or of `windowMs`. */
  readonly traffic: Traffic;
  /** The same by the versions at both ends, the most requests first. */
  readonly versions: readonly VersionTraffic[];
  /** Requests and connections since the proxies have started. */
  readonly total: number;
  /** Refusals of the last minute, the most first. */
  readonly refusals: readonly EdgeRefusal[];
  /** Traffic before and after the newest change, if that was in the last minutes. */
  readonly around?: TrafficAround;
}

/** Traffic around a change. */
export interface TrafficAround {
  /** Number of the change. */
  readonly change: number;
  /** Traffic of up to a minute before it. */
  readonly before: Traffic;
  /** Traffic since then, of up to a minute. Requests that were on their way count too. */
  readonly after: Traffic;
  /** Requests by the version that received them. */
  readonly versionsBefore?: Readonly<Record<string, number>>;
  readonly versionsAfter?: Readonly<Record<string, number>>;
}

/** Counts of requests. For TCP, a request is a connection that has ended. */
export interface Traffic {
  readonly requests: number;
  /** Requests a second, over `windowMs`. */
  readonly perSecond: number;
  /** Requests with a status of 500 and more, a gRPC status other than OK that is not counted as rejected, or no answer. */
  readonly errors: number;
  /** Requests with a status from 400 to 499, or the gRPC status PERMISSION_DENIED or UNAUTHENTICATED. */
  readonly rejected: number;
  /** Requests over mutual TLS. */
  readonly mtls: number;
  /** Requests that reached the callee without mutual TLS. The others did not reach it. Absent if there are none. */
  readonly plainText?: number;
  /** Requests by status: `200`, `403`, `grpc UNAVAILABLE`, `no answer`, `tcp`. */
  readonly byStatus: Readonly<Record<string, number>>;
  /** Mean and 95th percentile of the duration that the caller's proxy measured, in milliseconds. The latter is an estimate. */
  readonly meanMs?: number;
  readonly p95Ms?: number;
  /** Bytes of TCP connections, in both directions. */
  readonly tcpBytes?: number;
  /** Requests that the caller's proxy has sent again after a failure. Each request counts once, with its last answer. */
  readonly retries?: number;
  /** Copies of requests that the caller's proxy has sent for a mirror. Their answers are dropped, and they are no requests here. */
  readonly copies?: number;
  /** Requests that the callee itself answered with 502 or 504, as a meshmock does if a call of its own failed or timed out. */
  readonly passedOn?: number;
}

export interface VersionTraffic {
  /** `unknown` if the proxies do not know it. */
  readonly from: string;
  readonly to: string;
  readonly traffic: Traffic;
}

/** Requests that a proxy refused instead of passing them on, for one reason. */
export interface EdgeRefusal {
  readonly reason: RefusalReason | 'plain_text';
  readonly count: number;
  /** Number of those that count as errors in the traffic, because of their status. */
  readonly errors: number;
  /** Proxy that refused: of the caller, or of the callee. */
  readonly by: 'caller' | 'callee';
  /** Plain English: says what happened, and why. */
  readonly explanation: string;
  /** Object that decided, if the proxy's log names it. */
  readonly object?: DecidingPart;
  /** A request that was refused: `GET /path`, and its trace. */
  readonly example?: { readonly request: string; readonly requestId?: string };
  /** Time of the last one, in milliseconds since the epoch. */
  readonly lastMs: number;
}

/** Part of an object that decided about a request. */
export interface DecidingPart {
  /** Id of the object. It may be deleted by now. */
  readonly id: string;
  /** Name for people, such as `AuthorizationPolicy default/allow-front`. */
  readonly title: string;
  /** Index of the rule, from 0; absent if no rule allowed the request. */
  readonly rule?: number;
}

/** Object of Istio or the Gateway API. */
export interface MeshObject {
  /** `KIND NAMESPACE/NAME`. */
  readonly id: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Time of the last change, in milliseconds since the epoch. */
  readonly changedMs: number;
  /** `FILE:LINE`, if meshmock applied it. */
  readonly where?: string;
  /** One line in plain English: what it is for. */
  readonly about: string;
}

/** Object with its text. */
export interface ObjectText extends MeshObject {
  readonly yaml: string;
}

/** Objects that were changed together. */
export interface MeshChange {
  /** Number that grows. */
  readonly number: number;
  readonly atMs: number;
  /**
   * `start`: with the mesh. `apply`: by meshmock. `other`: by another program, such as kubectl. `delete`: by any program.
   * `refused`: by meshmock, which reverted it because it could not get into effect.
   */
  readonly by: 'start' | 'apply' | 'delete' | 'other' | 'refused';
  /** Reason for which a change was reverted. */
  readonly reason?: string;
  /** Sentence about what a comparison of the traffic around it cannot distinguish; absent if nothing is known. */
  readonly limits?: string;
  readonly objects: readonly ChangedObject[];
  /** Further objects, such as Services and accounts, that are only counted. */
  readonly more: number;
}

export interface ChangedObject {
  /** Id of the object, as in MeshObject. It may not exist any more. */
  readonly id: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly change: 'created' | 'changed' | 'deleted';
  /** `FILE:LINE` at the time of the change, if it is known. */
  readonly where?: string;
  /** Lines of YAML that begin with `+ `, `- ` or two spaces; only new or only old ones for a created or deleted object. */
  readonly diff: readonly string[];
  /** Purpose of the object in plain English, as `MeshObject.about`, and the changed fields of a workload. */
  readonly about: string;
  /** Rules and settings of the object; absent if it has none. */
  readonly rules?: readonly ChangedRule[];
  /** Fields of a changed workload or pod in words, such as `replicas 1 → 2`. */
  readonly words?: readonly string[];
}

/** Rule or setting of a changed object. */
export interface ChangedRule {
  /** Plain English: `If end-user is "jason": to reviews v2.` */
  readonly text: string;
  /** Requests that a rule of a route is for, such as `end-user is "jason"`; absent if it is for all. */
  readonly condition?: string;
  /** `FILE:LINE` at the time of the change, if it is known. */
  readonly where?: string;
}

/** Configuration that acts on the requests of an edge, read from the proxies at both ends. */
export interface EdgeDetails {
  /** Id of the edge. */
  readonly id: string;
  /** Objects that act, in the order in which a request meets them: of the caller's proxy, then of the callee's. */
  readonly objects: readonly ActingObject[];
  /** Facts in words that no object says, such as "no policy: every caller is allowed". */
  readonly notes: readonly string[];
}

export interface ActingObject extends ObjectText {
  /** Proxy that does it. */
  readonly side: 'caller' | 'callee';
  /** Parts that act on this edge: routes, rules, subsets. Empty if the object acts as a whole. */
  readonly parts: readonly ActingPart[];
}

export interface ActingPart {
  /** Place in the object, such as `spec.http[0]`. */
  readonly path: string;
  /** Plain English: `if end-user is "jason": to reviews v2`. */
  readonly text: string;
  /** True if it refuses requests that fit it: a rule of a policy that does not allow, or a fault that aborts. */
  readonly canRefuse: boolean;
  /** `FILE:LINE`. */
  readonly where?: string;
  readonly yaml: string;
}

/** Maximum number of traces in a list. */
export const mostTraces = 50;

export interface TraceList {
  readonly traces: readonly TraceSummary[];
}

export interface TraceSummary {
  readonly traceId: string;
  /** Start in milliseconds since the epoch. */
  readonly startMs: number;
  readonly durationMs: number;
  /** Service and name of the first span. */
  readonly service: string;
  readonly name: string;
  /** Services of all spans. */
  readonly services: readonly string[];
  readonly spans: number;
  readonly errors: number;
}

/** Trace with its spans in the order of a tree: a parent, then its children by time. */
export interface TraceView {
  readonly traceId: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly spans: readonly TraceSpan[];
  /** Spans that were left out, because there are too many. */
  readonly leftOut: number;
}

export interface TraceSpan {
  readonly spanId: string;
  readonly parentSpanId?: string;
  /** Depth in the tree, from 0. */
  readonly depth: number;
  readonly service: string;
  readonly origin: 'app' | 'sidecar' | 'gateway';
  readonly kind: 'server' | 'client' | 'internal' | 'producer' | 'consumer' | 'unspecified';
  readonly name: string;
  /** Start relative to that of the trace, in milliseconds. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly isError: boolean;
  /** HTTP status or name of the gRPC status. */
  readonly status?: string;
  /** Number of the attempt, from 1, if a proxy or a service has sent the same request several times. */
  readonly attempt?: number;
  /** Number of attempts with spans; absent if spans do not show which ones belong together. */
  readonly attempts?: number;
  /** Names and values, sorted by name. */
  readonly tags: readonly (readonly [string, string])[];
}
