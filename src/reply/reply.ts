/**
 * What a service answers, as `meshmock.v1.Reply` has it; this object is protobuf's JSON mapping of it as well.
 * `grpc/codec.ts` holds these types against the generated ones. What is empty is absent.
 *
 * `Raw` is how a child's reply may stand in it besides as an object: `RawReply` while it is only passed on,
 * `never` once everything is read.
 */
export interface Reply<Raw = never> {
  service: string;
  version?: string;
  pod?: string;
  namespace?: string;
  node?: string;
  zone?: string;
  request?: ReceivedRequest;
  /** HTTP status, over gRPC too. */
  status: number;
  grpcStatus?: string;
  body?: string;
  behaviour?: string[];
  try?: string[];
  durationMs?: number;
  traceId?: string;
  /** Of the SERVER span, when one is recorded. */
  spanId?: string;
  mesh?: CalleeMesh;
  error?: RequestError;
  prunedCalls?: number;
  calls?: CallResult<Raw>[];
}

/** Who a service is, as its replies show it. */
export interface Identity extends Pick<Reply, 'pod' | 'namespace' | 'node' | 'zone'> {
  readonly service: string;
  readonly version: string;
}

export interface ReceivedRequest {
  protocol: Protocol;
  method: string;
  uri: string;
  headers?: Record<string, string>;
}

export type Protocol = 'http' | 'grpc';

/** One edge, seen by its caller. Times are relative to the reply it stands in. */
export interface CallResult<Raw = never> {
  target: string;
  scheme: string;
  stage?: number;
  status?: number;
  grpcStatus?: string;
  startMs?: number;
  durationMs?: number;
  /** Of the CLIENT span of the last attempt, when one is recorded. */
  spanId?: string;
  answeredBy: AnsweredBy;
  mesh?: CallerMesh;
  error?: CallError;
  headers?: Record<string, string>;
  body?: string;
  bodyBytes?: number;
  attempts?: string[];
  reply?: Reply<Raw> | Raw;
  summary?: Summary<Raw>;
}

/** What came of a call that was made many times. */
export interface Summary<Raw = never> {
  count: number;
  /** Those that were not made any more, since the time was over. */
  unmade?: number;
  /** Adds up to `count`: a call without an answer counts by the code of its error. */
  byStatus?: Counts;
  /** Of the answers of meshmocks. */
  byService?: Counts;
  /** Of the answers of meshmocks. */
  byVersion?: Counts;
  /** Of the answers that are replies. */
  byPod?: Counts;
  /** Adds up to `count`: the attempt that the callee saw, else how often the caller tried. */
  byAttempt?: Counts;
  /** Adds up to `count`. */
  byAnswer?: Counts;
  /** Of the refusals by a proxy. */
  byRefusal?: Counts;
  latencyMs?: LatencyMs;
  /** The first call, the slowest and the first that failed: one may be several of them. */
  samples?: Sample<Raw>[];
}

/** In counts: all values beyond those that are told apart. */
export const otherValues = '(others)';

/** How often there was each value. */
export type Counts = Record<string, number>;

export interface LatencyMs {
  min: number;
  mean: number;
  p50: number;
  p90: number;
  p95: number;
  p99: number;
  max: number;
}

export interface Sample<Raw = never> {
  is: SampleReason[];
  /** Which of the calls it was, from 0. */
  index: number;
  call: CallResult<Raw>;
}

export type SampleReason = 'first' | 'slowest' | 'first_failed';

/** The first part of a body that is no reply, as much as is shown of it. */
export const shownBodyBytes = 2048;

/** The one method of the gRPC service, as it stands in paths, spans and commands. */
export const callMethod = 'meshmock.v1.MeshMock/Call';

/**
 * A meshmock, a proxy that refused the call, anything else, or no answer at all. Only what is not signed can be a
 * proxy's; whoever does not sign and speaks in a proxy's words is taken for one.
 */
export const answerers = ['service', 'proxy', 'foreign', 'nobody'] as const;

export type AnsweredBy = (typeof answerers)[number];

/** A child's reply in JSON as it came: passed on without being read. */
export class RawReply {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

export interface CalleeMesh {
  attempt?: number;
  requestId?: string;
  peerIdentity?: string;
  ownIdentity?: string;
}

export interface CallerMesh {
  /** From `server`: a callee without a sidecar in front can forge it. */
  proxy?: string;
  /** From `x-envoy-upstream-service-time`, in whole milliseconds: a callee without a sidecar in front can forge it. */
  upstreamMs?: number;
  /** There when `answeredBy` is `proxy`. */
  refusal?: Refusal;
}

/** Why a proxy refuses a call; `proxy-refusal.ts` says how each is known. */
export const refusalReasons = [
  'no_healthy_upstream',
  'connect_failure',
  'upstream_reset',
  'timeout',
  'fault',
  'rbac_denied',
  'jwt_denied',
  'rate_limited',
  'overflow',
  'no_route',
  'unknown',
] as const;

export type RefusalReason = (typeof refusalReasons)[number];

/** A proxy's own answer in place of the callee's. */
export interface Refusal {
  reason: RefusalReason;
  /** For a person: the first sentence says what happened, the others where to look and whose proxy it was. */
  explanation: string;
}

export const callErrorCodes = [
  'refused',
  'reset',
  'timeout',
  'dns',
  'unreachable',
  'tls',
  'canceled',
  'too_large',
  'protocol',
  'not_made',
] as const;

export type CallErrorCode = (typeof callErrorCodes)[number];

/** Why a call got no answer. */
export interface CallError {
  code: CallErrorCode;
  message: string;
}

/** Why a request was not carried out. */
export interface RequestError {
  code: string;
  message: string;
  offset?: number;
  expected?: string;
  caret?: string[];
  field?: string;
}
