/**
 * Adds the spans of Envoy's sidecars to a trace without sidecars: an outbound CLIENT and an inbound SERVER span between
 * each CLIENT and SERVER span. Their form is that of Envoy 1.40 under Istio, copied from a real Jaeger.
 */

import { optional } from '../../src/error/optional.ts';
import { type GrpcStatusName, grpcStatusNames } from '../../src/plan/plan.ts';
import type { CallResult, Reply } from '../../src/reply/reply.ts';
import { grpcCodeOf } from '../../src/reply/status.ts';
import { isMeshmockSpan, type Span, statusOf } from '../../src/trace/span.ts';
import { SpanTree } from '../../src/trace/span-tree.ts';
import type { Random } from '../random.ts';
import type { Captured } from './captured.ts';

/** @param retries probability that the sidecar makes two attempts of a call, of which the first one fails */
export function withSidecars({ path, root, spans }: Captured, random: Random, retries: number): Captured {
  const tree = new SpanTree(spans);
  const added: Span[] = [];
  /** New parent and number of attempts of each SERVER span, by its id. */
  const moved = new Map<string, { readonly parent: string; readonly attempts: number }>();
  for (const server of spans.filter((span) => isMeshmockSpan(span) && span.kind === 'server')) {
    const client = tree.get(server.parentSpanId);
    const inbound = sidecarSpan(server, 'server', server, random);
    if (client === undefined) {
      added.push(inbound);
      moved.set(server.spanId, { parent: inbound.spanId, attempts: 1 });
      continue;
    }
    const outbound = { ...sidecarSpan(client, 'client', client, random), parentSpanId: client.spanId };
    const attempt = { ...inbound, parentSpanId: outbound.spanId };
    added.push(outbound, attempt);
    const isRetried = random.next() < retries;
    if (isRetried) added.push(...failedAttempt(server, attempt, random));
    moved.set(server.spanId, { parent: attempt.spanId, attempts: isRetried ? 2 : 1 });
  }
  const placed = spans.map((span) => ({ ...span, parentSpanId: moved.get(span.spanId)?.parent ?? span.parentSpanId }));
  return { path: `${path} with sidecars`, root: withParents(root, moved), spans: [...placed, ...added] };
}

function sidecarSpan(app: Span, kind: 'client' | 'server', answered: Span, random: Random): Span {
  const status = statusOf(answered);
  const pod = String(app.resource['service.instance.id'] ?? `${app.service}-1`);
  const statuses =
    typeof status === 'string'
      ? { 'http.status_code': '200', 'grpc.status_code': String(grpcCodeOf(status as GrpcStatusName)) }
      : { 'http.status_code': String(status ?? 0) };
  return {
    traceId: app.traceId,
    spanId: random.id(16),
    parentSpanId: undefined,
    service: app.service,
    scope: 'envoy',
    kind,
    name: kind === 'client' ? 'egress' : 'ingress',
    isError: answered.isError,
    startMs: app.startMs - 0.1,
    durationMs: app.durationMs + 0.2,
    attributes: {
      component: 'proxy',
      node_id: `sidecar~127.0.0.1~${pod}.default~default.svc.cluster.local`,
      'http.protocol': 'HTTP/1.1',
      'http.method': 'GET',
      response_flags: status === undefined ? 'DC' : '-',
      upstream_cluster: kind === 'client' ? 'outbound|8080||app.default.svc.cluster.local' : 'inbound|8080||',
      'istio.canonical_service': app.service,
      'istio.cluster_id': 'Kubernetes',
      ...statuses,
    },
    resource: { 'service.name': app.service, 'telemetry.sdk.name': 'envoy' },
  };
}

/** Returns the spans of a failed first attempt: an inbound span and a SERVER span. */
function failedAttempt(server: Span, inbound: Span, random: Random): Span[] {
  const isGrpc = typeof statusOf(server) === 'string' || server.attributes['rpc.system.name'] === 'grpc';
  const failed: Span = {
    ...server,
    spanId: random.id(16),
    isError: true,
    startMs: server.startMs - 10,
    attributes: isGrpc
      ? { 'rpc.system.name': 'grpc', 'rpc.response.status_code': grpcStatusNames[14] ?? '' }
      : { 'http.request.method': 'GET', 'http.response.status_code': 503 },
  };
  const proxy = { ...sidecarSpan(failed, 'server', failed, random), parentSpanId: inbound.parentSpanId };
  return [proxy, { ...failed, parentSpanId: proxy.spanId }];
}

/** Returns a call whose replies show the new parents and attempts. */
function withParents(
  call: CallResult,
  moved: ReadonlyMap<string, { readonly parent: string; readonly attempts: number }>,
): CallResult {
  const { reply, summary } = call;
  return {
    ...call,
    ...optional('reply', reply && withParent(reply, moved)),
    ...(summary?.samples === undefined
      ? {}
      : {
          summary: {
            ...summary,
            samples: summary.samples.map((sample) => ({ ...sample, call: withParents(sample.call, moved) })),
          },
        }),
  };
}

function withParent(
  reply: Reply,
  moved: ReadonlyMap<string, { readonly parent: string; readonly attempts: number }>,
): Reply {
  const { request, mesh, calls, spanId = '', traceId } = reply;
  const { parent, attempts = 1 } = moved.get(spanId) ?? {};
  return {
    ...reply,
    ...(request?.headers === undefined
      ? {}
      : { request: { ...request, headers: { ...request.headers, traceparent: `00-${traceId}-${parent}-01` } } }),
    mesh: { ...mesh, attempt: Math.max(attempts, mesh?.attempt ?? 1) },
    ...optional(
      'calls',
      calls?.map((call) => withParents(call, moved)),
    ),
  };
}
