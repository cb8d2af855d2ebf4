import { type GrpcStatusName, grpcStatusNames } from '../plan/plan.ts';
import type { CallResult, Protocol, Reply } from '../reply/reply.ts';
import { grpcStatusOf, httpStatusOf, isClientSpanError, isServerSpanError } from '../reply/status.ts';
import { errorOf, type Span, statusOf } from './span.ts';

/** What a span is to say of how it ended. */
export interface SpanOutcome {
  /** The status of the answer, or the code of the error that a call without one had. */
  readonly outcome: string;
  readonly isError: boolean;
}

/** What the SERVER span of a reply is to say, by the protocol that the request came by. */
export function replyOutcome({ status, grpcStatus }: Reply, protocol: Protocol): SpanOutcome {
  const seen = protocol === 'http' ? status : (grpcStatus ?? grpcStatusOf(status));
  return { outcome: String(seen), isError: isServerSpanError(seen) };
}

/** What the CLIENT span of a call is to say; undefined when the call tells neither a status nor an error. */
export function callOutcome({ status, grpcStatus, error }: CallResult): SpanOutcome | undefined {
  if (error !== undefined) return { outcome: error.code, isError: true };
  const seen = grpcStatus ?? status;
  return seen === undefined ? undefined : { outcome: String(seen), isError: isClientSpanError(seen) };
}

/** What a span of ours says in fact. */
export function spanOutcome(span: Span): SpanOutcome {
  const status = statusOf(span);
  const outcome = (span.kind === 'client' ? errorOf(span) : undefined) ?? status ?? errorOf(span);
  return { outcome: String(outcome ?? 'nothing'), isError: span.isError };
}

/** An end in words. */
export function outcomeText({ outcome, isError }: SpanOutcome): string {
  return `${outcome}, ${isError ? 'an error' : 'no error'}`;
}

/**
 * An outcome as counts can be compared, which have the HTTP status of a gRPC call: several gRPC statuses share one.
 *
 * @param outcome a status, HTTP or gRPC, or the code of an error
 */
export function comparableOutcome(outcome: string, isGrpc: boolean): string {
  if (!isGrpc) return outcome;
  const name = /^\d+$/.test(outcome) ? grpcStatusOf(Number(outcome)) : outcome;
  const code = grpcStatusNames.indexOf(name as GrpcStatusName);
  return code === -1 ? outcome : grpcStatusOf(httpStatusOf(code).status);
}
