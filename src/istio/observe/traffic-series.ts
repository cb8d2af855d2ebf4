import { peerLabels } from './istio-labels.ts';
import type { ProxyStats } from './istio-metrics.ts';
import type { PodDirectory } from './pod-directory.ts';
import { parseSamples } from './prometheus-text.ts';
import { parseKey, type TrafficKey, type TrafficProtocol } from './traffic-key.ts';

/** Workload at one end of a series. Facts that the proxy does not know are `unknown`. */
export interface SeriesPeer {
  readonly workload: string;
  readonly namespace: string;
  readonly version: string;
}

/** Requests that a proxy has counted, with the same facts. The counters grow until the proxy ends. */
export interface TrafficSeries {
  readonly reporter: TrafficKey['reporter'];
  readonly protocol: TrafficProtocol;
  readonly responseCode: string;
  /** Number of the gRPC status; empty for other protocols. */
  readonly grpcStatus: string;
  /** Envoy's response flags, `-` if there are none. */
  readonly flags: string;
  readonly isMutual: boolean;
  readonly source: SeriesPeer;
  readonly destination: SeriesPeer;
  /** Address from which the connection came; empty for the reporter `source`. */
  readonly peerAddress: string;
  /** Host of the Service that was called, or the host that the client named. */
  readonly host: string;
  /** Envoy's cluster, such as `outbound|8080||reviews.default.svc.cluster.local`, or the name of the route. */
  readonly cluster: string;
  /** Requests, or TCP connections that have ended. */
  readonly requests: number;
  /** Sum of the durations, in milliseconds. */
  readonly durationMs: number;
  /** Requests by the longest time that they took, in milliseconds; `null` for no limit. Times without requests are absent. */
  readonly buckets: readonly (readonly [number | null, number])[];
  readonly tcpBytes: number;
}

/** Requests that a proxy has sent again after a failure, to one of Envoy's clusters. */
export interface RetrySeries {
  /** Name such as `outbound|8080||reviews.default.svc.cluster.local`. */
  readonly cluster: string;
  /** Number of retries since the proxy has started. */
  readonly count: number;
}

/** Returns the retries of a proxy, by cluster. */
export function retrySeries({ text }: Pick<ProxyStats, 'text'>): RetrySeries[] {
  const samples = [...parseSamples(text, (name) => name === 'envoy_cluster_upstream_rq_retry')];
  return samples.flatMap(({ labels, value }): RetrySeries[] => {
    const cluster = outboundCluster(labels.cluster_name);
    return cluster !== undefined && value > 0 ? [{ cluster, count: value }] : [];
  });
}

/** Requests that a proxy has sent to one of Envoy's clusters, also those that are not calls: retries and copies. */
export interface SentSeries {
  readonly cluster: string;
  /** Number of requests that have ended since the proxy has started. */
  readonly count: number;
}

/** Returns the requests that a proxy has sent, by cluster. Those that have not ended are left out, as in its other counters. */
export function sentSeries({ text }: Pick<ProxyStats, 'text'>): SentSeries[] {
  const counts = new Map<string, number>();
  for (const { name, labels, value } of parseSamples(text, (one) =>
    /^envoy_cluster_upstream_rq_(?:total|active)$/.test(one),
  )) {
    const cluster = outboundCluster(labels.cluster_name);
    const sign = name.endsWith('active') ? -1 : 1;
    if (cluster !== undefined) counts.set(cluster, (counts.get(cluster) ?? 0) + sign * value);
  }
  return [...counts].map(([cluster, count]) => ({ cluster, count }));
}

/**
 * Returns the name of a cluster of the mesh. Statistics have a semicolon after it, so that it is not taken for one of their
 * names.
 */
function outboundCluster(name = ''): string | undefined {
  return name.startsWith('outbound|') ? name.replace(/;$/, '') : undefined;
}

interface Counters {
  requests: number;
  durationMs: number;
  tcpBytes: number;
  readonly buckets: [number | null, number][];
}

/** Returns what a proxy has counted of its requests, by their facts. */
export function trafficSeries({ pod, text }: ProxyStats, pods: PodDirectory): TrafficSeries[] {
  const byKey = new Map<string, Counters>();
  for (const { name, labels, value } of parseSamples(text, (one) => one.startsWith('envoy_istio_'))) {
    const { key, le } = labels;
    if (key === undefined) continue;
    const counters = byKey.get(key) ?? { requests: 0, durationMs: 0, tcpBytes: 0, buckets: [] };
    byKey.set(key, counters);
    count(counters, name, le, value);
  }
  return [...byKey].flatMap(([text, counters]): TrafficSeries[] => {
    const key = parseKey(text);
    if (key === undefined) return [];
    const buckets = ownCounts(counters.buckets);
    return [seriesOf(key, peerLabels(key, pod, pods), { ...counters, buckets })];
  });
}

/** Returns the requests of each bucket alone. A proxy counts those of the shorter ones too, and most are the same. */
function ownCounts(buckets: Counters['buckets']): Counters['buckets'] {
  return buckets.flatMap(([most, count], index): Counters['buckets'] => {
    const own = count - (buckets[index - 1]?.[1] ?? 0);
    return own > 0 ? [[most, own]] : [];
  });
}

function count(counters: Counters, name: string, le: string | undefined, value: number): void {
  switch (name) {
    case 'envoy_istio_requests_total':
    case 'envoy_istio_tcp_connections_total':
      counters.requests += value;
      return;
    case 'envoy_istio_request_duration_milliseconds_sum':
      counters.durationMs += value;
      return;
    case 'envoy_istio_request_duration_milliseconds_bucket':
      counters.buckets.push([le === undefined || le === '+Inf' ? null : Number(le), value]);
      return;
    case 'envoy_istio_tcp_sent_bytes_total':
    case 'envoy_istio_tcp_received_bytes_total':
      counters.tcpBytes += value;
  }
}

function seriesOf(key: TrafficKey, labels: Readonly<Record<string, string>>, counters: Counters): TrafficSeries {
  const peer = (end: 'source' | 'destination'): SeriesPeer => ({
    workload: labels[`${end}_workload`] ?? '',
    namespace: labels[`${end}_workload_namespace`] ?? '',
    version: labels[`${end}_version`] ?? '',
  });
  return {
    reporter: key.reporter,
    protocol: key.protocol,
    responseCode: key.responseCode,
    grpcStatus: key.grpcStatus,
    flags: key.flags,
    isMutual: key.ownPrincipal !== '' && key.peerPrincipal !== '',
    source: peer('source'),
    destination: peer('destination'),
    peerAddress: key.reporter === 'destination' ? key.peer : '',
    host: labels.destination_service ?? '',
    cluster: key.clusterOrRoute,
    ...counters,
  };
}
