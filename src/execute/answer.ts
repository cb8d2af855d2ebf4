import { randomUUID } from 'node:crypto';
import type { Header } from '../plan/plan.ts';
import { calleeMesh } from '../reply/mesh-headers.ts';
import { redactHeaders, redactUri } from '../reply/redaction.ts';
import type { RawReply, ReceivedRequest, Reply } from '../reply/reply.ts';
import { grpcStatusOf } from '../reply/status.ts';
import { roundMs } from './concurrency/round-ms.ts';
import type { DirectiveEffects } from './directives/apply-directives.ts';
import { executeRequest } from './execute-request.ts';
import type { IncomingRequest, PlanSource } from './incoming.ts';
import type { Service } from './service.ts';

/** What a server is to do with a request. */
export type Answer =
  | {
      readonly kind: 'reply';
      readonly reply: Reply<RawReply>;
      /** Headers that directives ask for. */
      readonly headers: readonly Header[];
      /** Whether who asks for no JSON gets the body alone, as from the servers that a role stands for. */
      readonly isPlain: boolean;
    }
  /** The connection is to be reset, without an answer. */
  | { readonly kind: 'reset' };

/** Carries out one request, whatever protocol it came by, and says how to answer it. Never rejects. */
export async function answer(service: Service, request: IncomingRequest): Promise<Answer> {
  const arrivedAt = performance.now();
  const { protocol, method, headers } = request;
  const requestId = headers['x-request-id'] ?? randomUUID();
  const seen: ReceivedRequest = {
    protocol,
    method,
    uri: redactUri(pathOf(request.plan)),
    headers: redactHeaders(headers),
  };
  const trace = service.tracing.startRequest({ protocol, method, uri: seen.uri, headers });
  const behaved: DirectiveEffects = { done: [], headers: [], releases: [] };
  const mesh = calleeMesh(headers);
  const received = { service, request, trace, requestId, arrivedAt };
  const work = await trace.run(() => executeRequest(received, seen, behaved, mesh.attempt ?? 1));
  for (const release of behaved.releases) release();
  const durationMs = roundMs(performance.now() - arrivedAt);
  const { traceId, spanId } = trace;
  const log = (status: number | undefined, problem: string | undefined): void =>
    trace.run(() =>
      service.onAnswer({
        request: seen,
        ...(status === undefined ? {} : { status }),
        durationMs,
        traceId,
        requestId,
        problem,
      }),
    );
  if (work === 'reset') {
    log(undefined, undefined);
    trace.end({ error: 'reset' });
    return { kind: 'reset' };
  }
  const { calls, isPlain, ...done } = work;
  const reply: Reply<RawReply> = {
    ...service.identity,
    request: seen,
    ...done,
    ...(behaved.done.length === 0 ? {} : { behaviour: behaved.done }),
    durationMs,
    ...(traceId === undefined ? {} : { traceId }),
    ...(spanId === undefined ? {} : { spanId }),
    ...(Object.keys(mesh).length === 0 ? {} : { mesh }),
    ...(calls === undefined ? {} : { calls }),
  };
  const { status, grpcStatus = grpcStatusOf(status), error } = reply;
  log(status, problemOf(reply));
  trace.end({ status, grpcStatus, ...(error === undefined ? {} : { error: error.code }) });
  return { kind: 'reply', reply, headers: behaved.headers, isPlain };
}

function pathOf(plan: PlanSource): string {
  return plan.kind === 'path' ? plan.path : '';
}

/** A request that is refused is its sender's problem, who is told; one of ours, or a call without an answer, is the log's. */
function problemOf(reply: Reply<RawReply>): string | undefined {
  if (reply.error !== undefined) return reply.status < 500 ? undefined : `${reply.error.code}: ${reply.error.message}`;
  const failed = reply.calls?.filter(({ error }) => error !== undefined) ?? [];
  if (failed.length === 0) return undefined;
  return failed.map(({ target, error }) => `${target} ${error?.code}: ${error?.message}`).join('; ');
}
