import type { MeshmockError } from '../error/meshmock-error.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { Protocol } from '../reply/reply.ts';

/** Request after a server has decoded it. */
export interface IncomingRequest {
  readonly protocol: Protocol;
  /** HTTP method; over gRPC the full name of the method. */
  readonly method: string;
  readonly plan: PlanSource;
  /** Headers, with names in lower case. */
  readonly headers: Headers;
  /** Timeout that the protocol carries, in milliseconds, such as `grpc-timeout`. */
  readonly timeoutMs?: number;
  /** Signal that is aborted when the client cancels the request or disconnects. */
  readonly signal: AbortSignal;
}

/** Plan in the form in which it arrived. */
export type PlanSource =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'message'; readonly message: unknown }
  /** The request has no readable plan. */
  | { readonly kind: 'unreadable'; readonly error: MeshmockError };
