import type { Protocol } from '../plan/plan.ts';
import type { JsonSize } from './json-scanner.ts';
import { type FilledText, type LongPart, longPartBytes } from './long-parts.ts';

/**
 * Answer of a service: the message `meshmock.v1.Reply`, and its JSON. Empty fields are absent.
 * `grpc/codec.ts` checks these types against the generated ones.
 *
 * `Raw` is the type of children that are not parsed: `RawReply` in a reply that is only passed on, `never` in a reply
 * with all children parsed. A reply that is only passed on may also have a body that is not made.
 */
export interface Reply<Raw = never> {
  service: string;
  version?: string;
  pod?: string;
  namespace?: string;
  node?: string;
  zone?: string;
  request?: ReceivedRequest;
  /** HTTP status, also over gRPC. */
  status: number;
  grpcStatus?: string;
  body?: string | ([Raw] extends [never] ? never : FilledText);
  behaviour?: string[];
  try?: string[];
  durationMs?: number;
  traceId?: string;
  /** Id of the SERVER span, if it is recorded. */
  spanId?: string;
  mesh?: CalleeMesh;
  error?: RequestError;
  prunedCalls?: number;
  calls?: CallResult<Raw>[];
}

/** Reports whether a reply is that of an overloaded service, which has not read the request. */
export function isRefusal({ request, error }: Reply<unknown>): boolean {
  return request === undefined && error?.code === 'overloaded';
}

/** Identity of a service, as its replies show it. */
export interface Identity extends Pick<Reply, 'pod' | 'namespace' | 'node' | 'zone'> {
  readonly service: string;
  readonly version: string;
}

export interface ReceivedRequest {
  protocol: Protocol;
  method: string;
  uri: string;
  headers?: Record<string, string>;
  /** Number of messages in the request of a gRPC method other than `Call`. */
  messages?: number;
  /** Size of these messages together, in bytes. */
  messageBytes?: number;
  /** First of these messages as JSON, if the service has its proto file. */
  message?: string;
  /** First part of the body of an HTTP request, up to `shownBodyBytes`, if it is text. */
  body?: string;
  /** Size of the body, in bytes. */
  bodyBytes?: number;
  /** Facts of the connection, if it uses TLS without a proxy in between. */
  tls?: Tls;
  /** Version of HTTP, if it is not 1.1. */
  httpVersion?: HttpVersion;
}

/** Version of HTTP besides 1.1. Only requests show 1.0, not calls. */
export type HttpVersion = '1.0' | '2';

/** Facts of a connection with TLS, as one end of it sees them. */
export interface Tls {
  /** Version, such as `TLSv1.3`. */
  version: string;
  /** Name of the server that the client asked for. */
  sni?: string;
  /** Protocol that both ends agreed on, such as `h2`. */
  alpn?: string;
  /** Identity in the certificate of the other end. */
  peer?: string;
  /** True if this end did not verify that certificate. */
  unverified?: boolean;
}

/** Result of one call, as its caller sees it. Times are relative to the reply that contains it. */
export interface CallResult<Raw = never> {
  target: string;
  scheme: string;
  stage?: number;
  status?: number;
  grpcStatus?: string;
  startMs?: number;
  durationMs?: number;
  /** Id of the CLIENT span of the last attempt, if it is recorded. */
  spanId?: string;
  answeredBy: AnsweredBy;
  mesh?: CallerMesh;
  error?: CallError;
  headers?: Record<string, string>;
  body?: string;
  bodyBytes?: number;
  attempts?: string[];
  reply?: Reply<Raw> | Raw;
  /** Reply that was received and left out. */
  pruned?: PrunedReply;
  summary?: Summary<Raw>;
  /** Facts of the connection, if it uses TLS. */
  tls?: Tls;
  /** Version of HTTP of the answer, if it is not 1.1. */
  httpVersion?: HttpVersion;
  /** Parts in which an answer without a length arrived over HTTP. */
  stream?: ArrivedStream;
  /** Trailers of the answer. */
  trailers?: Record<string, string>;
}

/** Arrival of an answer whose length the server did not say. */
export interface ArrivedStream {
  /** Number of parts in which it arrived. */
  chunks?: number;
  /** Time from the start of the call to the first part, in milliseconds. */
  firstByteMs?: number;
  /** Number of server-sent events. */
  events?: number;
}

/** Reply that was left out of an answer, because the answer would be too large. */
export interface PrunedReply {
  /** Size of the reply, in bytes, as far as it is known. */
  bytes: number;
  /** Limit that the reply exceeds, with its flag. */
  reason: string;
}

/** Results of a call that is made many times, as counts. */
export interface Summary<Raw = never> {
  count: number;
  /** Number of calls that were not made, because the time was over. */
  unmade?: number;
  /** Counts by status, which add up to `count`. A call without an answer counts by the code of its error. */
  byStatus?: Counts;
  /** Counts of the answers of meshmocks, by service. */
  byService?: Counts;
  /** Counts of the answers of meshmocks, by version. */
  byVersion?: Counts;
  /** Counts of the answers that are replies, by pod. */
  byPod?: Counts;
  /** Counts by the attempt that the callee saw, or by the caller's own attempts. They add up to `count`. */
  byAttempt?: Counts;
  /** Counts by `answeredBy`, which add up to `count`. */
  byAnswer?: Counts;
  /** Counts of the refusals by proxies, by reason. */
  byRefusal?: Counts;
  /** Counts of the answers that are replies, by the identity of the caller that the callee saw; `none` if it saw none. */
  byPeer?: Counts;
  /** Counts of the answers that are replies, by the version of TLS that the callee saw. */
  byTlsVersion?: Counts;
  /** Counts of the answers that are replies, by the version of HTTP that the callee saw; `none` over TCP. */
  byHttpVersion?: Counts;
  /** Counts of the replies to calls over TLS, by the name that the callee was asked for; `none` if there was none. */
  bySni?: Counts;
  /** Counts of the replies to calls over TLS, by the protocol of ALPN; `none` if there was none. */
  byAlpn?: Counts;
  /** Counts of the replies to calls over TLS, by the identity of the client's certificate; `none` if it showed none. */
  byTlsPeer?: Counts;
  latencyMs?: LatencyMs;
  /** The first call, the slowest and the first that failed. One call may be several of these. */
  samples?: Sample<Raw>[];
}

/** Key of counts for the values that are not counted one by one, because there are too many. */
export const otherValues = '(others)';

/** Number of occurrences of each value. */
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
  /** Index of the call, from 0. */
  index: number;
  call: CallResult<Raw>;
}

export type SampleReason = 'first' | 'slowest' | 'first_failed';

/** Maximum size of the part of a foreign body that a reply shows. */
export const shownBodyBytes = 2048;

/** Name of the gRPC method, as in paths, spans and commands. */
export const callMethod = 'meshmock.v1.MeshMock/Call';

/**
 * Kinds of answers: from a meshmock, from a proxy that refused the call, from any other server, or none.
 * An answer that a meshmock signed is never a proxy's. An unsigned answer with a proxy's text counts as a proxy's.
 */
export const answerers = ['service', 'proxy', 'foreign', 'nobody'] as const;

export type AnsweredBy = (typeof answerers)[number];

/** Reply of a child as JSON, which is passed on without being parsed. */
export class RawReply implements LongPart {
  readonly byteLength: number;
  private readonly content: string | readonly Buffer[];
  private readonly size: JsonSize | undefined;

  /** @param size size that a scanner has found; without it, the JSON counts as short */
  constructor(content: string | readonly Buffer[], size?: JsonSize) {
    this.content = content;
    this.size = size;
    this.byteLength = size?.bytes ?? content.length;
  }

  get json(): string {
    return typeof this.content === 'string' ? this.content : Buffer.concat(this.content).toString();
  }

  get heldBytes(): number {
    return this.byteLength;
  }

  /** True if the JSON is too long to be copied. */
  get isLong(): boolean {
    return this.byteLength >= longPartBytes;
  }

  chunks(): readonly Buffer[] {
    return typeof this.content === 'string' ? [Buffer.from(this.content)] : this.content;
  }

  /** Upper bound of the memory that the parsed reply takes, in bytes. */
  get parsedBytes(): number {
    return memoryOf(this.size);
  }

  /** Upper bound of the size of the reply as indented JSON, in bytes. */
  get indentedBytes(): number {
    const { bytes, values, nesting } = this.size ?? noSize;
    return bytes + values * (indentBytes * nesting + indentBytes);
  }
}

const noSize: JsonSize = { bytes: 0, values: 0, nesting: 0, isAscii: true };
const indentBytes = 2;

/** Memory of one parsed value besides its text, such as an object with one property, in bytes. */
const valueBytes = 160;

/** Returns an upper bound of the memory that parsed values take, in bytes. */
export function memoryOf({ bytes, values, isAscii }: Omit<JsonSize, 'nesting'> = noSize): number {
  return (isAscii ? bytes : 2 * bytes) + values * valueBytes;
}

export interface CalleeMesh {
  attempt?: number;
  requestId?: string;
  peerIdentity?: string;
  ownIdentity?: string;
}

export interface CallerMesh {
  /** Value of the header `server`. A callee without a sidecar can forge it. */
  proxy?: string;
  /** Value of `x-envoy-upstream-service-time`, in whole milliseconds. A callee without a sidecar can forge it. */
  upstreamMs?: number;
  /** Refusal, present if `answeredBy` is `proxy`. */
  refusal?: Refusal;
}

/** Reasons for which a proxy refuses a call. `proxy-refusal-rows.ts` lists how each is recognized. */
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

/** Answer of a proxy instead of the callee's. */
export interface Refusal {
  reason: RefusalReason;
  /** Text for a person: the first sentence says what happened, the others where to look and whose proxy it was. */
  explanation: string;
}

/** Codes of calls without an answer. */
export const callErrorCodes = [
  'refused',
  'reset',
  'timeout',
  'dns',
  'blocked',
  'unreachable',
  'tls',
  'canceled',
  'too_large',
  'protocol',
  'budget',
  'not_made',
] as const;

export type CallErrorCode = (typeof callErrorCodes)[number];

/** Reason for which a call has no answer. */
export interface CallError {
  code: CallErrorCode;
  message: string;
}

/** Reason for which a request was refused. */
export interface RequestError {
  code: string;
  message: string;
  offset?: number;
  expected?: string;
  caret?: string[];
  field?: string;
}
