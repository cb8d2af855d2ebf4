import type { MeshmockError } from '../error/meshmock-error.ts';
import type { Protocol } from '../plan/plan.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { ReceivedRequest } from '../reply/reply.ts';
import type { RequestBudget } from './budgets/budgets.ts';
import type { Bound } from './budgets/limits.ts';

/** Request after a server has decoded it. */
export interface IncomingRequest {
  readonly protocol: Protocol;
  /** HTTP method; over gRPC the full name of the method; over TCP empty. */
  readonly method: string;
  readonly plan: PlanSource;
  /** Headers, with names in lower case. */
  readonly headers: Headers;
  /** Facts of the connection, which the reply shows. */
  readonly connection?: Pick<ReceivedRequest, 'tls' | 'httpVersion'>;
  /** Body of an HTTP request; absent if there is none. */
  readonly body?: RequestBody | undefined;
  /** Timeout that the protocol carries, in milliseconds, such as `grpc-timeout`. */
  readonly timeoutMs?: number;
  /** Signal that is aborted when the client cancels the request or disconnects. */
  readonly signal: AbortSignal;
  /** Share of the request in the resources of the service. */
  readonly budget: RequestBudget;
}

/** Body of a request. */
export interface RequestBody {
  /** Size of the whole body, in bytes. */
  readonly bytes: number;
  /** The whole body if the plan may pass it on, or its first part. */
  readonly start: Buffer;
  /** True if `start` is the whole body. */
  readonly isWhole: boolean;
  /** Bound that leaves no room for the whole body. */
  readonly refusedBy: Bound | undefined;
}

/** Plan in the form in which it arrived. */
export type PlanSource =
  | { readonly kind: 'path'; readonly path: string }
  | {
      readonly kind: 'message';
      readonly message: unknown;
      /** Size of the message on the wire, in bytes. */
      readonly bytes: number;
    }
  /** A text that is not a plan, over TCP. The answer repeats it. */
  | { readonly kind: 'text'; readonly text: string }
  /** The request has no readable plan. */
  | { readonly kind: 'unreadable'; readonly error: MeshmockError };
