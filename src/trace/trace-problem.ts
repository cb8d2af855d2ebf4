import { incomingContext } from '../reply/incoming-context.ts';
import type { CallResult, Reply } from '../reply/reply.ts';
import type { Finding } from './finding.ts';

/**
 * Why there is no trace to look for, as far as the answer tells: nobody makes spans, or the request was not to be
 * traced. Undefined when there is one, which is that of the reply's `traceId`.
 */
export function traceProblem({ target, reply }: CallResult): Finding | undefined {
  if (reply === undefined) {
    const message = 'the answer is no reply of a meshmock: it tells no trace';
    return { kind: 'missing', where: [target], message };
  }
  if (reply.traceId !== undefined && hasSpans(reply)) return undefined;
  const where = [reply.service];
  const headers = reply.request?.headers ?? {};
  if (headers.b3 === '0' || headers['x-b3-sampled'] === '0')
    return { kind: 'not_sampled', where, message: 'the request said that it is not to be traced (B3, sampled 0)' };
  const context = incomingContext(headers);
  const isFromSampler = reply.traceId !== undefined && context === undefined && reply.request?.headers !== undefined;
  if (isFromSampler)
    return { kind: 'not_sampled', where, message: `its sampler did not choose trace ${reply.traceId}` };
  if (context?.isSampled === false)
    return { kind: 'not_sampled', where, message: `trace ${context.traceId} came as one that is not to be recorded` };
  return { kind: 'not_exported', where, message: notExportedMessage(reply.service) };
}

/** What to do about a service without spans. */
export function notExportedMessage(service: string): string {
  return `${service} makes no spans: name it an exporter, such as by OTEL_EXPORTER_OTLP_ENDPOINT`;
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
