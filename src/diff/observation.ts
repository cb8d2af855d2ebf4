import type { CallErrorCode, Counts, RefusalReason } from '../reply/reply.ts';

/** Answer to one request, as far as two snapshots are compared. */
export type ObservedAnswer =
  /** A mock answered. */
  | {
      readonly kind: 'service';
      readonly service: string;
      readonly namespace: string | undefined;
      readonly version: string | undefined;
    }
  /** A proxy refused the request. */
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly by: RefusedBy }
  /** A proxy answered with a redirect. */
  | { readonly kind: 'redirect'; readonly location: string }
  /** A proxy answered with a body of its configuration. */
  | { readonly kind: 'direct'; readonly body: string }
  /** Another server answered, such as a host outside the mesh. */
  | { readonly kind: 'foreign' }
  /** There was no answer. */
  | { readonly kind: 'none'; readonly code: CallErrorCode };

/** Proxy that refused a request; `unknown` if the evidence does not say. */
export type RefusedBy = 'caller' | 'callee' | 'gateway' | 'waypoint' | 'unknown';

/** Request as the callee received it, without the headers that differ between two equal requests. */
export interface ReceivedCopy {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly headers: Readonly<Record<string, string>>;
  /** True if the callee's proxy saw mutual TLS; undefined if it is not known. */
  readonly isMutualTls: boolean | undefined;
  /** Identity of the caller that the callee's proxy saw. */
  readonly identity: string | undefined;
  /** Facts of TLS that the callee itself ended; undefined if it did not. */
  readonly tls: ReceivedTls | undefined;
}

/** Names that a client showed in TLS; undefined if it showed none. */
export interface ReceivedTls {
  readonly serverName: string | undefined;
  readonly certificate: string | undefined;
}

/** Requests of a probe that had the same outcome. */
export interface Outcome {
  readonly count: number;
  readonly answer: ObservedAnswer;
  /** HTTP status; undefined without an answer. */
  readonly status: number | undefined;
  readonly grpcStatus: string | undefined;
  /** Undefined if no mock answered. */
  readonly received: ReceivedCopy | undefined;
  /**
   * Headers of the answer, without those that differ between two equal answers. Undefined if they are not shown, as
   * those of a mock's reply to another mock.
   */
  readonly answerHeaders: Readonly<Record<string, string>> | undefined;
}

/** Requests that a probe has caused at a destination, besides the answer. */
export interface MirroredCopies {
  readonly service: string;
  readonly version: string | undefined;
  readonly count: number;
}

/** Everything that was seen of one probe on one side. */
export interface Observation {
  readonly probeId: string;
  /** Different outcomes; one only, unless the requests are shared between destinations. */
  readonly outcomes: readonly Outcome[];
  /** Pods that answered, with the number of answers. */
  readonly pods: Counts;
  /** Copies of the requests at other services. */
  readonly mirrors: readonly MirroredCopies[];
  /** Number of attempts that arrived at the callee for one request; undefined if not counted. */
  readonly attempts: number | undefined;
  /** Time of the slowest request, in milliseconds. */
  readonly durationMs: number;
  /** Times of all requests, in milliseconds. */
  readonly durationsMs: readonly number[];
  /** Commands and trees for `--explain`. */
  readonly evidence: ObservationEvidence;
}

/** Texts that show an observation to a person. */
export interface ObservationEvidence {
  /** Tree of the answer, with its lines. */
  readonly tree: string;
  /** Command that repeats the request. */
  readonly command: string;
}
