import type { RefusalReason } from '../../../src/reply/reply.ts';

/** Manifest that makes a proxy refuse a call, and the expected refusal. */
export interface RefusalCase {
  readonly name: string;
  readonly manifest: string;
  /** Expected row of the table of refusals. The reason `unknown` has no row. */
  readonly row?: string;
  readonly reason: RefusalReason;
  /** Status over HTTP, and status and gRPC status over gRPC. */
  readonly status: readonly [http: number, grpc: number, grpcStatus: string];
  /** Calls after `/@` or `/@grpc:`, of which the last one is checked. `service4/x` if not given. */
  readonly call?: string | { readonly http: string; readonly grpc: string };
  /** Calling service; `gateway` if not given. */
  readonly from?: string;
  /** `callee` if the callee's proxy refuses the call; if not given, the caller's proxy does. */
  readonly by?: 'callee';
  /** Expected row over gRPC, if two rows have the same status there. */
  readonly grpcRow?: string;
}

/** Expected statuses over HTTP and gRPC. */
export const statuses = {
  unavailable: [503, 503, 'UNAVAILABLE'],
  forbidden: [403, 403, 'PERMISSION_DENIED'],
  unauthenticated: [401, 401, 'UNAUTHENTICATED'],
  gatewayTimeout: [504, 503, 'UNAVAILABLE'],
} as const;
