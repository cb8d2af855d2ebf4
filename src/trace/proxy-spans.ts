import type { Span } from './span.ts';

/**
 * Reports whether a proxy of the mesh made a span. Envoy sets the attribute `component`, and `envoy` as the scope
 * (source/common/tracing/http_tracer_impl.cc, source/extensions/tracers/opentelemetry/tracer.cc; seen with 1.40).
 */
export function isProxy({ attributes, scope }: Span): boolean {
  return attributes.component === 'proxy' || scope === 'envoy';
}

/** Roles of proxies. `router` is a gateway, `proxy` is a proxy without an Istio node id. */
export type ProxyRole = 'sidecar' | 'router' | 'waypoint' | 'proxy';

/** Returns the role in a span's node id: `ROLE~ADDRESS~POD.NAMESPACE~DOMAIN` (istio/pkg/model, `ServiceNode`). */
export function roleOf({ attributes }: Span): ProxyRole {
  const [role] = String(attributes.node_id ?? '').split('~');
  return role === 'sidecar' || role === 'router' || role === 'waypoint' ? role : 'proxy';
}

/** Reports whether a span is from a sidecar that passes a request to its service. */
export function isInbound(span: Span): boolean {
  return isProxy(span) && roleOf(span) === 'sidecar' && span.kind === 'server';
}

/** Reports whether a span is from a sidecar that sends a call of its service. */
export function isOutbound(span: Span): boolean {
  return isProxy(span) && roleOf(span) === 'sidecar' && span.kind === 'client';
}

/** Response flags of answers that come from the upstream: none, retries exhausted, a delay injected. */
const upstreamAnswerFlags: ReadonlySet<string> = new Set(['', '-', 'URX', 'DI']);

/** Reports whether a proxy's answer came from its upstream. The flags show why a proxy made an answer itself. */
export function isUpstreamAnswer({ attributes }: Span): boolean {
  return String(attributes.response_flags ?? '-')
    .split(',')
    .every((flag) => upstreamAnswerFlags.has(flag));
}

/** Suffix that Envoy appends to the host of a mirrored request (`request_mirror_policies`), whose answer it ignores. */
const mirroredHost = /-shadow$/;

/** Reports whether a SERVER span is of a mirrored request. A proxy's span has only the URL. */
export function isMirrored({ attributes }: Span): boolean {
  const address = attributes['server.address'] ?? URL.parse(String(attributes['http.url'] ?? ''))?.hostname;
  return mirroredHost.test(String(address ?? ''));
}

/** Returns the names of the services whose sidecars have spans, and of the other proxies with spans, sorted. */
export function proxiesOf(spans: readonly Span[]): { readonly sidecars: string[]; readonly others: string[] } {
  const names = (matching: readonly Span[]): string[] => [...new Set(matching.map(({ service }) => service))].sort();
  const proxies = spans.filter(isProxy);
  const sidecars = names(proxies.filter((span) => roleOf(span) === 'sidecar'));
  // With `spawn_upstream_span`, a sidecar also has spans without its node id.
  return { sidecars, others: names(proxies).filter((name) => !sidecars.includes(name)) };
}
