import { randomUUID } from 'node:crypto';
import { decodeFirstBytes } from '../error/text-bytes.ts';
import type { Header } from '../plan/plan.ts';
import { calleeMesh, noMesh, retryAfterHeader, retryAfterSeconds } from '../reply/mesh-headers.ts';
import { redactHeaders, redactUri } from '../reply/redaction.ts';
import { type RawReply, type ReceivedRequest, type Reply, shownBodyBytes } from '../reply/reply.ts';
import { grpcStatusOf } from '../reply/status.ts';
import { verbatimTrace } from '../telemetry/tracing.ts';
import { isEntry } from './allowance.ts';
import { roundMs } from './concurrency/round-ms.ts';
import type { DirectiveEffects } from './directives/apply-directives.ts';
import { executeRequest } from './execute-request.ts';
import type { IncomingRequest, PlanSource, RequestBody } from './incoming.ts';
import type { Service } from './service.ts';

/** Answer that a server must send. */
export type Answer =
  | {
      readonly kind: 'reply';
      readonly reply: Reply<RawReply>;
      /** Headers that directives and stored answers add. */
      readonly headers: readonly Header[];
      /** Trailers that directives add. */
      readonly trailers: readonly Header[];
      /** Parts in which directives send the answer. */
      readonly paced: DirectiveEffects['paced'] | undefined;
      /** Body that directives make. */
      readonly body: DirectiveEffects['body'] | undefined;
      /** Content type of a body that clients other than meshmocks get alone; undefined for the usual answer. */
      readonly contentType: string | undefined;
      /** True if clients that do not accept JSON get the body alone, as from the servers that a role imitates. */
      readonly isPlain: boolean;
      /**
       * Reports the answer to the log and the trace. Call it once, when the answer is encoded.
       *
       * @param sent reply that is sent in place of the one that was made
       */
      sent(sent?: Reply<RawReply>): void;
    }
  /** The server must reset the connection, without an answer. */
  | { readonly kind: 'reset' };

/**
 * Executes a request of any protocol, and returns its answer. Never rejects.
 *
 * @example
 * const answered = await answer(service, {
 *   protocol: 'http',
 *   method: 'GET',
 *   plan: { kind: 'path', path: '/@service2/hello' },
 *   headers: {},
 *   signal,
 *   budget,
 * });
 * if (answered.kind === 'reply') console.log(answered.reply.status);
 */
export async function answer(service: Service, request: IncomingRequest): Promise<Answer> {
  const arrivedAt = performance.now();
  const { protocol, method, headers } = request;
  const requestId = headers['x-request-id'] ?? randomUUID();
  const uri = redactUri(uriOf(request.plan));
  const trace =
    protocol === 'tcp' ? verbatimTrace(headers) : service.tracing.startRequest({ protocol, method, uri, headers });
  const mesh = calleeMesh(headers);
  const context = { service, request, trace, requestId, attempt: mesh.attempt ?? 1, arrivedAt };
  const { outcome, effects, path } = await trace.run(() => executeRequest(context));
  for (const release of effects.releases) release();
  const durationMs = roundMs(performance.now() - arrivedAt);
  const { traceId, spanId } = trace;
  // A plan that came as a message is shown as its path.
  const received = {
    protocol,
    method,
    uri: path === undefined ? uri : redactUri(path),
    headers: redactHeaders(headers),
    ...request.connection,
    ...(request.body === undefined ? {} : shownBody(request.body)),
  };
  const log = (status: number | undefined, problem: string | undefined): void =>
    trace.run(() =>
      service.onAnswer({
        request: received,
        ...(status === undefined ? {} : { status }),
        durationMs,
        traceId,
        requestId,
        problem,
      }),
    );
  if (outcome === 'reset') {
    log(undefined, undefined);
    countArrival(service, request, {}, durationMs);
    trace.end({ error: 'reset' });
    return { kind: 'reset' };
  }
  const { calls, isPlain, contentType = effects.contentType, headers: stored = [], ...response } = outcome;
  const reply: Reply<RawReply> = { ...service.identity, request: received, ...response };
  if (effects.applied.length > 0) reply.behaviour = [...effects.applied];
  reply.durationMs = durationMs;
  if (traceId !== undefined) reply.traceId = traceId;
  if (spanId !== undefined) reply.spanId = spanId;
  if (mesh !== noMesh) reply.mesh = mesh;
  if (calls !== undefined) reply.calls = calls;
  const isOverloaded = reply.error?.code === 'overloaded';
  return {
    kind: 'reply',
    reply,
    headers: isOverloaded
      ? [...effects.headers, retryAfter]
      : stored.length > 0
        ? [...effects.headers, ...stored]
        : effects.headers,
    trailers: effects.trailers,
    paced: effects.paced,
    body: effects.body,
    contentType,
    isPlain,
    sent(sent = reply) {
      const { status, grpcStatus = grpcStatusOf(status), error } = sent;
      // Refusals are logged together: a line for each would add to the load.
      if (!isOverloaded) log(status, problemOf(sent));
      countArrival(service, request, { status, grpcStatus }, durationMs);
      trace.end({ status, grpcStatus, ...(error === undefined ? {} : { error: error.code }) });
    },
  };
}

/** Counts a request that no meshmock has sent. A line over TCP does not show its sender. */
function countArrival(
  { traffic }: Service,
  { protocol, headers }: IncomingRequest,
  { status, grpcStatus }: { readonly status?: number; readonly grpcStatus?: string },
  durationMs: number,
): void {
  if (traffic === undefined || protocol === 'tcp' || !isEntry(headers)) return;
  traffic.arrived(protocol, status, grpcStatus, durationMs);
}

const retryAfter: Header = { name: retryAfterHeader, value: String(retryAfterSeconds) };

function uriOf(plan: PlanSource): string {
  switch (plan.kind) {
    case 'path':
      return plan.path;
    case 'text':
      return plan.text;
    case 'message':
    case 'unreadable':
      return '';
  }
}

/**
 * Returns the problem for the log: an error of this service, or calls without an answer. A request that this service
 * refuses is not a problem for the log: its client gets the reason in the answer.
 */
function problemOf(reply: Reply<RawReply>): string | undefined {
  if (reply.error !== undefined) return reply.status < 500 ? undefined : `${reply.error.code}: ${reply.error.message}`;
  const failed = reply.calls?.filter(({ error }) => error !== undefined) ?? [];
  if (failed.length === 0) return undefined;
  return failed.map(({ target, error }) => `${target} ${error?.code}: ${error?.message}`).join('; ');
}

/** Returns the body of a request as a reply shows it: its first part if it is text, and its size. */
function shownBody({ start, bytes }: RequestBody): Pick<ReceivedRequest, 'body' | 'bodyBytes'> {
  const text = decodeFirstBytes(start, shownBodyBytes);
  // U+FFFD is in a text only if it was sent, or if the bytes are not UTF-8.
  return { ...(text === '' || text.includes('\ufffd') ? {} : { body: text }), bodyBytes: bytes };
}
