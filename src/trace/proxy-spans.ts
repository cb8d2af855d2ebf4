import type { Span } from './span.ts';

/**
 * Whether a proxy of the mesh made the span. Envoy says so in `component` and names its scope `envoy`
 * (source/common/tracing/http_tracer_impl.cc, source/extensions/tracers/opentelemetry/tracer.cc; seen with 1.40).
 */
export function isProxy({ attributes, scope }: Span): boolean {
  return attributes.component === 'proxy' || scope === 'envoy';
}

/** Sidecars stand beside an app; gateways (`router`), waypoints and proxies without an Istio node id stand alone. */
export type ProxyRole = 'sidecar' | 'router' | 'waypoint' | 'proxy';

/** Istio's node id is `ROLE~ADDRESS~POD.NAMESPACE~DOMAIN` (istio/pkg/model, `ServiceNode`). */
export function roleOf({ attributes }: Span): ProxyRole {
  const [role] = String(attributes.node_id ?? '').split('~');
  return role === 'sidecar' || role === 'router' || role === 'waypoint' ? role : 'proxy';
}

/** A sidecar in front of its app; its spans have the direction as their kind. */
export function isInbound(span: Span): boolean {
  return isProxy(span) && roleOf(span) === 'sidecar' && span.kind === 'server';
}

/** A sidecar that calls for its app. */
export function isOutbound(span: Span): boolean {
  return isProxy(span) && roleOf(span) === 'sidecar' && span.kind === 'client';
}

/** Response flags with which the answer is the upstream's all the same: none, out of retries, a delay injected. */
const flagsOfPassing: ReadonlySet<string> = new Set(['', '-', 'URX', 'DI']);

/** Whether the answer that a proxy gave is the one it got. Others it makes up itself, and says why in its flags. */
export function isUpstreamAnswer({ attributes }: Span): boolean {
  return String(attributes.response_flags ?? '-')
    .split(',')
    .every((flag) => flagsOfPassing.has(flag));
}

/** Envoy appends it to the host of a mirrored request (`request_mirror_policies`): nobody waits for its answer. */
const mirroredHost = /-shadow$/;

/** Whether a SERVER span is of a request that a proxy has mirrored. */
export function isMirrored({ attributes }: Span): boolean {
  return mirroredHost.test(String(attributes['server.address'] ?? ''));
}

/** The names of the services whose proxies took part, and of the proxies that stand alone, in the order of the alphabet. */
export function proxiesOf(spans: readonly Span[]): { readonly sidecars: string[]; readonly others: string[] } {
  const names = (matching: readonly Span[]): string[] => [...new Set(matching.map(({ service }) => service))].sort();
  const proxies = spans.filter(isProxy);
  const sidecars = names(proxies.filter((span) => roleOf(span) === 'sidecar'));
  // Of what it sends on, an Envoy has spans without its node's id, if it has any (`spawn_upstream_span`).
  return { sidecars, others: names(proxies).filter((name) => !sidecars.includes(name)) };
}
