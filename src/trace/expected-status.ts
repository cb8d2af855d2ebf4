import { type GrpcStatusName, grpcStatusNames } from '../plan/plan.ts';
import type { CallResult, Protocol, Reply } from '../reply/reply.ts';
import { grpcStatusOf, httpStatusOf, isClientFault, isServerFault } from '../reply/status.ts';
import { errorOf, type Span, statusOf } from './span.ts';

/** What a span is to say of how it ended. */
export interface ExpectedEnd {
  /** The status of the answer, or the code of the error that a call without one had. */
  readonly outcome: string;
  readonly isError: boolean;
}

/** What the SERVER span of a reply is to say, by the protocol that the request came by. */
export function endOfReply({ status, grpcStatus }: Reply, protocol: Protocol): ExpectedEnd {
  const seen = protocol === 'http' ? status : (grpcStatus ?? grpcStatusOf(status));
  return { outcome: String(seen), isError: isServerFault(seen) };
}

/** What the CLIENT span of a call is to say; undefined when the call tells neither a status nor an error. */
export function endOfCall({ status, grpcStatus, error }: CallResult): ExpectedEnd | undefined {
  if (error !== undefined) return { outcome: error.code, isError: true };
  const seen = grpcStatus ?? status;
  return seen === undefined ? undefined : { outcome: String(seen), isError: isClientFault(seen) };
}

/** What a span of ours says in fact. */
export function endOfSpan(span: Span): ExpectedEnd {
  const status = statusOf(span);
  const outcome = (span.kind === 'client' ? errorOf(span) : undefined) ?? status ?? errorOf(span);
  return { outcome: String(outcome ?? 'nothing'), isError: span.isError };
}

/** An end in words. */
export function endText({ outcome, isError }: ExpectedEnd): string {
  return `${outcome}, ${isError ? 'an error' : 'no error'}`;
}

/**
 * An outcome as counts can be compared, which have the HTTP status of a gRPC call: several gRPC statuses share one.
 *
 * @param outcome a status, HTTP or gRPC, or the code of an error
 */
export function countedOutcome(outcome: string, isGrpc: boolean): string {
  if (!isGrpc) return outcome;
  const name = /^\d+$/.test(outcome) ? grpcStatusOf(Number(outcome)) : outcome;
  const code = grpcStatusNames.indexOf(name as GrpcStatusName);
  return code === -1 ? outcome : grpcStatusOf(httpStatusOf(code).status);
}
