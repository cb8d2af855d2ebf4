import type { MeshmockError } from '../error/meshmock-error.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { Protocol } from '../reply/reply.ts';

/** A request as a server decoded it. */
export interface IncomingRequest {
  readonly protocol: Protocol;
  /** The HTTP method; over gRPC the full method. */
  readonly method: string;
  readonly plan: PlanSource;
  /** Names in lower case. */
  readonly headers: Headers;
  /** How long the protocol itself gives for the answer, if it does. */
  readonly timeoutMs?: number;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

/** The plan in the form it came. */
export type PlanSource =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'message'; readonly message: unknown }
  /** What came was neither. */
  | { readonly kind: 'unreadable'; readonly error: MeshmockError };
