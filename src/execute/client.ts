import type { Scheme } from '../plan/plan.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { CallError, RawReply, Reply } from '../reply/reply.ts';
import { abortReason } from './concurrency/abort-reason.ts';

/** Call as a client of either protocol sends it. */
export interface OutgoingCall {
  readonly scheme: Scheme;
  /** `host:port` of the plan: value of `Host` or `:authority`, and the name that TLS verifies. */
  readonly authority: string;
  /** Address to dial, which `--connect-to` may have changed. */
  readonly dial: Address;
  readonly method: string;
  /** Canonical path of the callee's plan. */
  readonly path: string;
  readonly headers: Headers;
  /** Body of an HTTP request. Over gRPC the body is the plan. */
  readonly body?: string;
  /** Timeout of the call, in milliseconds. */
  readonly timeoutMs: number;
}

/** Network address. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Result of a call. A call that failed is data too, not an exception. */
export type CallAnswer =
  | {
      readonly kind: 'reply';
      readonly status: number;
      readonly grpcStatus?: string;
      readonly headers: Headers;
      readonly reply: Reply | RawReply;
    }
  | {
      readonly kind: 'other';
      /** True if it has the header `x-meshmock`: a meshmock's answer to HEAD, or of its admin routes. */
      readonly isSigned: boolean;
      readonly status: number;
      readonly grpcStatus?: string;
      readonly headers: Headers;
      /** First part of the body, up to `maxForeignBytes`. */
      readonly body: string;
      /** Size of the whole body, in bytes. */
      readonly bodyBytes: number;
    }
  | { readonly kind: 'failed'; readonly error: CallError };

/** Client of one protocol. The implementations in `http` and `grpc` own the connections. */
export interface Client {
  /**
   * Makes one call. Never rejects.
   *
   * @param signal ends the call; its reason is the `CallError` of the answer
   */
  call(call: OutgoingCall, signal: AbortSignal): Promise<CallAnswer>;
  /** Closes all connections. No call may be in flight. */
  close(): Promise<void>;
}

/** Maximum size of a reply, in bytes. */
export const maxReplyBytes = 64 * 1024 * 1024;

/** Maximum number of bytes that are read of a body that is not a reply. */
export const maxForeignBytes = 64 * 1024;

/** Returns the answer of a call whose signal is aborted. */
export function abortedAnswer(signal: AbortSignal): CallAnswer {
  return { kind: 'failed', error: abortReason(signal) };
}
