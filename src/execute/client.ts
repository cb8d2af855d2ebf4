import type { CalledMethod } from '../plan/grpc-method.ts';
import type { Scheme } from '../plan/plan.ts';
import { type Headers, retryAfterHeader, signatureHeader } from '../reply/mesh-headers.ts';
import type { CallError, CallResult, RawReply, Reply } from '../reply/reply.ts';
import type { ByteAccount } from './budgets/byte-account.ts';
import type { Bound } from './budgets/limits.ts';
import { abortReason } from './concurrency/abort-reason.ts';

/** Call as a client of any protocol sends it. */
export interface OutgoingCall {
  readonly scheme: Scheme;
  /** Value of `Host` or `:authority`, and the name that TLS verifies. */
  readonly authority: string;
  /** Address to dial, which `--connect-to` may have changed. */
  readonly dial: Address;
  /** True if an HTTP call uses HTTP/2. */
  readonly isHttp2?: true;
  /** HTTP method. */
  readonly method: string;
  /** gRPC method, if it is not the one of meshmock. */
  readonly calledMethod?: CalledMethod | undefined;
  /** Canonical path of the callee's plan. */
  readonly path: string;
  readonly headers: Headers;
  /** Body of an HTTP request. Over gRPC the message is the plan, or empty. */
  readonly body?: string | Buffer;
  /** Timeout of the call, in milliseconds. */
  readonly timeoutMs: number;
  /** Account that the answer takes its bytes from. */
  readonly account: ByteAccount;
}

/** Certificates of a client, in PEM. Those of a service change with their files: read them for each connection. */
export interface ClientTls {
  /** Certificates that the client trusts, in place of those of well-known authorities. A server's own one may be among them. */
  readonly ca?: string;
  /** Certificate of the client, with those between it and its authority. */
  readonly cert?: string;
  /** Private key of the client. */
  readonly key?: string;
  /** Host to ask for by SNI and to verify; that of the authority if not given. */
  readonly serverName?: string;
  /** True if the client accepts any certificate of the server. */
  readonly isInsecure?: boolean;
}

/** Network address. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Facts of the connection of a call, with TLS or HTTP/2, and of an answer that arrives in parts. */
type ConnectionFacts = Pick<CallResult, 'tls' | 'httpVersion' | 'stream' | 'trailers'>;

/** Result of a call. A call that failed is data too, not an exception. */
export type CallAnswer = AnswerOfCallee | { readonly kind: 'failed'; readonly error: CallError };

/** Answer of a callee, or of a proxy. */
type AnswerOfCallee = ConnectionFacts & AnswerContent;

type AnswerContent =
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
  /** A reply for which there is no room. */
  | {
      readonly kind: 'left-out';
      readonly status: number;
      readonly grpcStatus?: string;
      readonly headers: Headers;
      /** Size of the reply, in bytes, as far as it is known. */
      readonly bytes: number;
      readonly refusedBy: Bound;
    };

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

/** Maximum number of bytes that are read of a body that is not a reply. */
export const maxForeignBytes = 64 * 1024;

/** Reports whether an overloaded meshmock refused a call. It makes no span of requests that it does not read. */
export function isOverloadRefusal(answer: CallAnswer): boolean {
  if (answer.kind === 'failed' || answer.headers[retryAfterHeader] === undefined) return false;
  return answer.headers[signatureHeader] !== undefined && (answer.status === 503 || answer.status === 429);
}

/** Returns the answer of a call whose signal is aborted. */
export function abortedAnswer(signal: AbortSignal): CallAnswer {
  return { kind: 'failed', error: abortReason(signal) };
}
