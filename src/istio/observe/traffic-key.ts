/** Kinds of listeners whose traffic a proxy counts, as EnvoyFilter names them. */
export type ListenerContext = 'SIDECAR_INBOUND' | 'SIDECAR_OUTBOUND' | 'GATEWAY';

export type TrafficProtocol = 'http' | 'grpc' | 'tcp';

/**
 * Facts by which a proxy counts its traffic, in the order in which they are in the tag `key` of its statistics. One tag
 * costs a proxy less than one for each fact. A fact that a request does not have is empty.
 */
export interface TrafficKey {
  readonly reporter: 'source' | 'destination';
  readonly protocol: TrafficProtocol;
  readonly responseCode: string;
  readonly grpcStatus: string;
  /** Envoy's response flags, `-` if there are none. */
  readonly flags: string;
  /**
   * Workload that received the request, as istiod describes it: `WORKLOAD;NAMESPACE;SERVICE;REVISION;CLUSTER`. For the
   * reporter `destination`, the address from which the connection came.
   */
  readonly peer: string;
  readonly ownPrincipal: string;
  readonly peerPrincipal: string;
  /** Envoy's cluster for the request; the route's name if the route has no cluster. */
  readonly clusterOrRoute: string;
  /**
   * JSON array of the Services of the cluster. For clusters without Services, outbound listeners of sidecars give the
   * host to which the client sent its request.
   */
  readonly servicesOrHost: string;
}

const separator = ' ';
/** No fact before these two contains the separator, and the last one does not. */
const leadingFacts = 8;

const httpOperators = ['%RESPONSE_CODE%', '%GRPC_STATUS_NUMBER%', '%RESPONSE_FLAGS%'] as const;
const tcpOperators = ['', '', '%RESPONSE_FLAGS%'] as const;

const upstreamOperators = [
  '%METADATA(UPSTREAM_HOST:istio:workload)%',
  '%UPSTREAM_LOCAL_URI_SAN%',
  '%UPSTREAM_PEER_URI_SAN%',
] as const;

/** The direct address: other operators give the address that the client claims in `x-forwarded-for`. */
const downstreamOperators = [
  '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%',
  '%DOWNSTREAM_LOCAL_URI_SAN%',
  '%DOWNSTREAM_PEER_URI_SAN%',
] as const;

const services = '%METADATA(CLUSTER:istio:services)%';

/** Returns the operator that gives the first of several values that is not empty. */
function firstOf(...operators: readonly (string | { readonly command: string; readonly param: string })[]): string {
  return `%COALESCE(${JSON.stringify({ operators })})%`;
}

const servicesOrHost = firstOf(
  { command: 'METADATA', param: 'CLUSTER:istio:services' },
  { command: 'REQ', param: ':authority' },
);
const clusterOrRoute = firstOf('UPSTREAM_CLUSTER_RAW', 'ROUTE_NAME');

/** Returns the format string with which a proxy makes the key of a request or connection. */
export function keyFormat(context: ListenerContext, protocol: TrafficProtocol): string {
  const isInbound = context === 'SIDECAR_INBOUND';
  return [
    isInbound ? 'destination' : 'source',
    protocol,
    ...(protocol === 'tcp' ? tcpOperators : httpOperators),
    ...(isInbound ? downstreamOperators : upstreamOperators),
    protocol === 'tcp' ? '%UPSTREAM_CLUSTER_RAW%' : clusterOrRoute,
    // The hosts that clients outside the mesh name are not trusted, so Istio does not count by them.
    context === 'SIDECAR_OUTBOUND' && protocol !== 'tcp' ? servicesOrHost : services,
  ].join(separator);
}

/**
 * Parses a key that a proxy made with `keyFormat`.
 *
 * @returns undefined if the text is not such a key
 */
export function parseKey(text: string): TrafficKey | undefined {
  const facts = text.split(separator);
  const [reporter, protocol, responseCode, grpcStatus, flags, peer, ownPrincipal, peerPrincipal] = facts;
  if (facts.length < leadingFacts + 2 || (reporter !== 'source' && reporter !== 'destination')) return undefined;
  if (protocol !== 'http' && protocol !== 'grpc' && protocol !== 'tcp') return undefined;
  return {
    reporter,
    protocol,
    responseCode: responseCode ?? '',
    grpcStatus: grpcStatus ?? '',
    flags: flags ?? '',
    peer: peer ?? '',
    ownPrincipal: ownPrincipal ?? '',
    peerPrincipal: peerPrincipal ?? '',
    // Users choose the names of routes, which may contain the separator.
    clusterOrRoute: facts.slice(leadingFacts, -1).join(separator),
    servicesOrHost: facts.at(-1) ?? '',
  };
}
