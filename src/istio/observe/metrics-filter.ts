import type { KubeObject } from '../resources/objects.ts';
import { keyFormat, type ListenerContext, type TrafficProtocol } from './traffic-key.ts';

/**
 * Counters and histograms of the proxies from which `istio-metrics.ts` makes Istio's standard metrics.
 *
 * Istio's own build of Envoy has the filter `istio.stats` for them. Vanilla Envoy has an access logger that counts
 * requests, and gives each of its statistics tags from the operators of access logs. This object adds it to every HTTP
 * connection manager and TCP proxy.
 *
 * The statistics belong to scopes that all listeners of a proxy share: otherwise they would end with each change of a
 * listener. The scopes have limits, because clients can name any number of hosts. The prefix `istio` is one that the
 * proxies of Istio report by default.
 */
const prefix = 'istio';

const maxCounters = 1500;
const maxHistograms = 900;
/** Each pair of numbers of messages in a gRPC stream is a counter. */
const maxMessageCounters = 1000;

const extensions = 'type.googleapis.com/envoy.extensions';
const contexts: readonly ListenerContext[] = ['SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY'];

const grpcHeader = {
  name: 'content-type',
  string_match: { safe_regex: { regex: 'application/grpc(\\+.*)?' } },
  treat_missing_header_as_empty: true,
};

/** Filters of the access logger, by the protocol of a request. TCP connections have no headers. */
const protocolFilters: Readonly<Record<TrafficProtocol, object>> = {
  http: { filter: { header_filter: { header: { ...grpcHeader, invert_match: true } } } },
  grpc: { filter: { header_filter: { header: grpcHeader } } },
  tcp: {},
};

/** Statistics of an access logger, as its configuration names them. */
interface LoggerStats {
  readonly stats_scope: object;
  readonly counters: readonly object[];
  readonly histograms?: readonly object[];
}

/** Returns the EnvoyFilter that makes all proxies of the mesh count their traffic. */
export function metricsFilter(rootNamespace: string): KubeObject {
  const configPatches = contexts.flatMap((context) => [
    patch(context, 'envoy.filters.network.http_connection_manager', {
      '@type': `${extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      access_log: [
        logger('http', httpStats(keyFormat(context, 'http'))),
        logger('grpc', httpStats(keyFormat(context, 'grpc'))),
        logger('grpc', messageStats(keyFormat(context, 'grpc'))),
      ],
    }),
    patch(context, 'envoy.filters.network.tcp_proxy', {
      '@type': `${extensions}.filters.network.tcp_proxy.v3.TcpProxy`,
      access_log: [logger('tcp', tcpStats(keyFormat(context, 'tcp')))],
    }),
  ]);
  return {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name: 'meshmock-metrics', namespace: rootNamespace },
    spec: { configPatches },
  };
}

function patch(context: ListenerContext, filter: string, config: object): object {
  return {
    applyTo: 'NETWORK_FILTER',
    match: { context, listener: { filterChain: { filter: { name: filter } } } },
    patch: { operation: 'MERGE', value: { typed_config: config } },
  };
}

function logger(protocol: TrafficProtocol, stats: LoggerStats): object {
  return {
    name: 'envoy.access_loggers.stats',
    ...protocolFilters[protocol],
    typed_config: { '@type': `${extensions}.access_loggers.stats.v3.Config`, ...stats },
  };
}

function httpStats(key: string): LoggerStats {
  const histogram = (name: string, unit: 'Milliseconds' | 'Bytes', operator: string): object => ({
    stat: { name, tags: [{ name: 'key', value_format: key }] },
    unit,
    value_format: operator,
  });
  return {
    stats_scope: trafficScope,
    counters: [{ stat: { name: 'requests_total', tags: [{ name: 'key', value_format: key }] }, value_fixed: 1 }],
    histograms: [
      histogram('request_duration_milliseconds', 'Milliseconds', '%DURATION%'),
      histogram('request_bytes', 'Bytes', '%DOWNSTREAM_WIRE_BYTES_RECEIVED%'),
      histogram('response_bytes', 'Bytes', '%DOWNSTREAM_WIRE_BYTES_SENT%'),
    ],
  };
}

const trafficScope = {
  prefix,
  sharing_name: 'meshmock.traffic',
  max_counters: maxCounters,
  max_histograms: maxHistograms,
};

/**
 * Returns the statistics of gRPC messages. Envoy's filter for gRPC gives the numbers of both directions as one text,
 * such as `1,3`, which the access logger cannot add up. So the text is a tag, and the counter counts requests.
 */
function messageStats(key: string): LoggerStats {
  const tags = [
    { name: 'key', value_format: key },
    { name: 'messages', value_format: '%FILTER_STATE(envoy.filters.http.grpc_stats:PLAIN)%' },
  ];
  return {
    stats_scope: { prefix, sharing_name: 'meshmock.messages', max_counters: maxMessageCounters },
    counters: [{ stat: { name: 'grpc_streams_total', tags }, value_fixed: 1 }],
  };
}

function tcpStats(key: string): LoggerStats {
  const tags = [{ name: 'key', value_format: key }];
  return {
    stats_scope: trafficScope,
    counters: [
      { stat: { name: 'tcp_connections_total', tags }, value_fixed: 1 },
      { stat: { name: 'tcp_sent_bytes_total', tags }, value_format: '%DOWNSTREAM_WIRE_BYTES_SENT%' },
      { stat: { name: 'tcp_received_bytes_total', tags }, value_format: '%DOWNSTREAM_WIRE_BYTES_RECEIVED%' },
    ],
  };
}
