import type { Scheme } from '../plan/plan.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { CallError, RawReply, Reply } from '../reply/reply.ts';

/** Where a call goes and what it carries: all that a client of either protocol needs. */
export interface OutgoingCall {
  readonly scheme: Scheme;
  /** `host:port` as the user named it: the `Host` header, `:authority`, and what TLS verifies. */
  readonly authority: string;
  /** What is dialled, which `--connect-to` may have changed. */
  readonly dial: Address;
  readonly method: string;
  /** What the callee is to do. */
  readonly path: string;
  readonly headers: Headers;
  /** Body of an HTTP request; gRPC carries the plan there. */
  readonly body?: string;
  readonly timeoutMs: number;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How a call ended. A call that failed is data as well. */
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
      /** Whether a meshmock signed it all the same: its own paths, or the answer to HEAD. */
      readonly isSigned: boolean;
      readonly status: number;
      readonly grpcStatus?: string;
      readonly headers: Headers;
      /** Its first part, up to `largestForeignBytes`. */
      readonly body: string;
      /** How long it is in all. */
      readonly bodyBytes: number;
    }
  | { readonly kind: 'failed'; readonly error: CallError };

/** The port through which the executor calls. Its implementations hold the connections. */
export interface Client {
  /**
   * Makes one call. Never rejects.
   *
   * @param signal ends the call at once; its reason is the `CallError` to give back
   */
  call(call: OutgoingCall, signal: AbortSignal): Promise<CallAnswer>;
  /** Ends all connections. No call is under way any more. */
  close(): Promise<void>;
}

/** A reply may not be larger, in bytes. */
export const largestReplyBytes = 64 * 1024 * 1024;

/** So much is read of a body that is no reply. */
export const largestForeignBytes = 64 * 1024;

/** What a call ends with when its signal is aborted. */
export function abortedAnswer(signal: AbortSignal): CallAnswer {
  return { kind: 'failed', error: signal.reason as CallError };
}
