import { incomingContext } from '../reply/incoming-context.ts';
import { type CallResult, isRefusal, type Reply } from '../reply/reply.ts';
import type { Finding } from './finding.ts';

/**
 * Returns why an answer has no trace: the services export no spans, or the request was not sampled. Returns undefined if
 * the answer has a trace, whose id is the reply's `traceId`.
 */
export function traceProblem({ target, reply }: CallResult): Finding | undefined {
  if (reply === undefined) {
    const message = 'the answer is not a reply of a meshmock, so it names no trace';
    return { kind: 'missing', where: [target], message };
  }
  if (reply.traceId !== undefined && hasSpans(reply)) return undefined;
  const where = [reply.service];
  if (isRefusal(reply)) {
    const message = `${reply.service} is overloaded and refused the request, so it has made no span`;
    return { kind: 'missing', where, message };
  }
  const headers = reply.request?.headers ?? {};
  if (headers.b3 === '0' || headers['x-b3-sampled'] === '0')
    return { kind: 'not_sampled', where, message: 'the request turned tracing off (B3, sampled 0)' };
  const context = incomingContext(headers);
  const isFromSampler = reply.traceId !== undefined && context === undefined && reply.request?.headers !== undefined;
  if (isFromSampler)
    return {
      kind: 'not_sampled',
      where,
      message: `the sampler of ${reply.service} did not sample trace ${reply.traceId}`,
    };
  if (context?.isSampled === false)
    return {
      kind: 'not_sampled',
      where,
      message: `the request came with trace ${context.traceId}, which is not sampled`,
    };
  return { kind: 'not_exported', where, message: notExportedMessage(reply.service) };
}

/** Returns the message about a service that exports no spans. */
export function notExportedMessage(service: string): string {
  return `${service} exports no spans: set its exporter, for example with OTEL_EXPORTER_OTLP_ENDPOINT`;
}

function hasSpans({ spanId, calls = [] }: Reply): boolean {
  return spanId !== undefined || calls.some(hasSpansBelow);
}

function hasSpansBelow({ spanId, reply, summary }: CallResult): boolean {
  return (
    spanId !== undefined ||
    (reply !== undefined && hasSpans(reply)) ||
    (summary?.samples ?? []).some((sample) => hasSpansBelow(sample.call))
  );
}
