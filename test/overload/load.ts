/** Load that a generator process makes: requests at a rate, whether answers arrive or not. */
export interface Load {
  readonly protocol: 'http' | 'grpc';
  readonly port: number;
  /** Path of the request, or of the plan of a gRPC call. */
  readonly path: string;
  /** Requests per second; 0 sends each request when the answer to the one before has arrived. */
  readonly rate: number;
  /** Maximum number of requests in flight. Requests that are due beyond it are counted, and not sent. */
  readonly maxInFlight: number;
  readonly durationMs: number;
  /** Time after which an answer is not awaited any longer, in milliseconds. */
  readonly timeoutMs: number;
  /** Time at the beginning whose requests are counted, but not measured, in milliseconds. */
  readonly ignoreMs: number;
}

/** Kinds of answers. */
export const answerKinds = ['accepted', 'refused', 'failed'] as const;

export type AnswerKind = (typeof answerKinds)[number];

/** Results of a load. */
export interface LoadResult {
  /** Number of answers of each kind. */
  readonly counts: Readonly<Record<AnswerKind, number>>;
  /** Latencies of the answers of each kind, in milliseconds, in ascending order. */
  readonly latenciesMs: Readonly<Record<AnswerKind, readonly number[]>>;
  /** Number of requests that were due while too many were in flight. */
  readonly unsent: number;
  /** Number of requests without an answer in time. */
  readonly unanswered: number;
  /** Time that the load really took, in milliseconds. */
  readonly tookMs: number;
}

/** One connection of a generator. */
export interface Lane {
  /** Number of further requests that the connection can send now. */
  readonly free: number;
  /** Sends a request. */
  send(): void;
  close(): void;
}

/** Events of a connection. */
export interface LaneEvents {
  /** Receives the kind and the latency of an answer, in milliseconds. */
  onAnswer(kind: AnswerKind, latencyMs: number): void;
  /** Receives the number of requests that will have no answer, because the connection is closed. */
  onClosed(unanswered: number): void;
}

/** Opens a connection of one protocol. */
export type OpenLane = (load: Load, events: LaneEvents) => Lane;
