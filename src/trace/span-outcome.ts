import type { Protocol } from '../plan/plan.ts';
import { type GrpcStatusName, grpcStatusNames } from '../plan/plan.ts';
import type { CallResult, Reply } from '../reply/reply.ts';
import { grpcStatusOf, httpStatusOf, isClientSpanError, isServerSpanError } from '../reply/status.ts';
import { errorOf, type Span, statusOf } from './span.ts';

/** Outcome of a request, as a span records it. */
export interface SpanOutcome {
  /** Status of the answer, or code of the error of a call without an answer. */
  readonly outcome: string;
  readonly isError: boolean;
}

/** Returns the outcome that the SERVER span of a reply must have, for the protocol of the request. */
export function replyOutcome({ status, grpcStatus }: Reply, protocol: Protocol): SpanOutcome {
  const answer = protocol === 'http' ? status : (grpcStatus ?? grpcStatusOf(status));
  return { outcome: String(answer), isError: isServerSpanError(answer) };
}

/** Returns the outcome that the CLIENT span of a call must have, or undefined if the call has no status and no error. */
export function callOutcome({ status, grpcStatus, error }: CallResult): SpanOutcome | undefined {
  if (error !== undefined) return { outcome: error.code, isError: true };
  const answer = grpcStatus ?? status;
  return answer === undefined ? undefined : { outcome: String(answer), isError: isClientSpanError(answer) };
}

/** Returns the outcome that a meshmock's span has. */
export function spanOutcome(span: Span): SpanOutcome {
  const status = statusOf(span);
  const outcome = (span.kind === 'client' ? errorOf(span) : undefined) ?? status ?? errorOf(span);
  return { outcome: String(outcome ?? 'nothing'), isError: span.isError };
}

/** Describes an outcome. */
export function outcomeText({ outcome, isError }: SpanOutcome): string {
  return `${outcome}, ${isError ? 'an error' : 'no error'}`;
}

/**
 * Normalizes an outcome to compare it with a summary. Summaries count gRPC calls by HTTP status, and several gRPC
 * statuses have the same HTTP status.
 *
 * @param outcome HTTP status, gRPC status or code of an error
 */
export function comparableOutcome(outcome: string, isGrpc: boolean): string {
  if (!isGrpc) return outcome;
  const name = /^\d+$/.test(outcome) ? grpcStatusOf(Number(outcome)) : outcome;
  const code = grpcStatusNames.indexOf(name as GrpcStatusName);
  return code === -1 ? outcome : grpcStatusOf(httpStatusOf(code).status);
}
