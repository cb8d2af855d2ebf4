import type { GrpcStatusName } from '../plan/plan.ts';
import type { RefusalReason } from './reply.ts';

/** How one kind of answer of a proxy's own looks, and what it means. */
export interface RefusalRow {
  readonly name: string;
  readonly reason: RefusalReason;
  /** HTTP statuses; over gRPC what Envoy maps them to, and `grpc`. None: any. */
  readonly statuses: readonly number[];
  readonly grpc?: readonly GrpcStatusName[];
  /** The whole body or gRPC message; `''` is none. Absent: any. */
  readonly text?: string | RegExp;
  /** Headers of which one is `true`: all there is to tell by where no text is sure, and a callee can forge it. */
  readonly headers?: readonly string[];
  /** Others answer so too: only the nearest proxy is known by it, which shows no upstream's time. */
  readonly isNearestOnly?: true;
  /** What happened, in one sentence, then where to look. */
  readonly explanation: string;
  /** Where in the code of Envoy or Istio it comes from. */
  readonly source: string;
}

/** What the router says when no answer came back from where it sent the request; a retry has words of its own. */
const lostUpstream = (reasons: string, after = '(?:, transport failure reason: .*)?'): RegExp =>
  new RegExp(
    `^upstream connect error or disconnect/reset before headers\\. (?:retried and the latest )?reset reason: (?:${reasons})${after}$`,
    's',
  );

/** What jwt_verify_lib calls what is wrong with a token or the keys; services have other words, mostly with `JWT`. */
const jwtProblem = new RegExp(
  `^(?:${[
    'Jwt (?:is missing|is expired|not yet valid|verification fails|issuer is not configured)',
    'Jwt is not in the form of Header\\.Payload\\.Signature.*',
    'Jwt (?:header|payload|signature|ED25519 signature) .*',
    'Jwks .*',
    'Audiences in Jwt are not allowed',
    'Found multiple Jwt tokens',
  ].join('|')})$`,
);

const router = 'envoy source/common/router/router.cc';
const filters = 'envoy source/extensions/filters/http';
const onReset = `${router} Filter::onUpstreamReset, source/common/http/utility.cc Utility::resetReasonToString`;

/**
 * All that is known of what proxies answer by themselves; the first row that fits counts. Sidecars, ingress gateways and
 * waypoints are all Envoy and use the same words; what differs is `server` (istio pilot/pkg/networking/util/
 * proxy_headers.go: a sidecar says `envoy` to its own service, every other proxy `istio-envoy`). An ambient ztunnel
 * speaks no HTTP to whom it refuses: it closes the connection (ztunnel src/proxy/inbound.rs Inbound::serve_connect
 * answers the other ztunnel alone), which is a call without an answer, and nothing there tells who closed it. The same
 * holds for policies on TCP ports.
 */
export const refusalRows: readonly RefusalRow[] = [
  {
    name: 'no healthy upstream',
    reason: 'no_healthy_upstream',
    statuses: [503],
    text: 'no healthy upstream',
    explanation:
      'No endpoint is there to send it to. Look at whether pods are ready, whether the selectors of the Service and of the DestinationRule subset match any, and whether outlierDetection has ejected them all.',
    source: `${router} Filter::sendNoHealthyUpstreamResponse`,
  },
  {
    name: 'circuit breaker',
    reason: 'overflow',
    statuses: [503],
    text: lostUpstream('overflow'),
    explanation:
      'A circuit breaker is open. Look at connectionPool in the DestinationRule: more connections or requests were under way or waiting than it allows.',
    source: onReset,
  },
  {
    // Since Envoy 1.38.1 only those tell it to callers whose runtime flag hide_transport_failure_reason_in_response_body
    // is false: to others it is a connection failure, and the access log alone says that it was TLS.
    name: 'TLS failure',
    reason: 'connect_failure',
    statuses: [503],
    text: lostUpstream('[a-z ]+', ', transport failure reason: .*(?:TLS|SSL|CERT|verif).*'),
    explanation:
      'TLS to the endpoint failed. Look at whether both sides agree on mTLS: the tls mode of the DestinationRule, the PeerAuthentication, whether the pod has a sidecar, and the certificates.',
    source: onReset,
  },
  {
    name: 'connection failure',
    reason: 'connect_failure',
    statuses: [503],
    text: lostUpstream('(?:(?:local|remote) )?connection failure|connection timeout'),
    explanation:
      'The endpoint could not be connected to. Look at whether the service listens on that port, whether a NetworkPolicy is in between, and whether mTLS is spoken to a pod without a sidecar: what TLS fails at is in the access log (UPSTREAM_TRANSPORT_FAILURE_REASON).',
    source: onReset,
  },
  {
    name: 'connection termination',
    reason: 'upstream_reset',
    statuses: [503],
    text: lostUpstream('connection termination'),
    explanation:
      'The connection was closed before an answer came. Look at whether the service ended or crashed, closes idle connections early, or is asked in plain text where mTLS is STRICT, or by ztunnel against a policy.',
    source: onReset,
  },
  {
    name: 'protocol error',
    reason: 'upstream_reset',
    statuses: [502],
    text: lostUpstream('protocol error'),
    explanation:
      'What came back was no HTTP of the expected kind. Look at the name or appProtocol of the port in the Service: http, http2 and grpc are spoken differently.',
    source: onReset,
  },
  {
    name: 'reset',
    reason: 'upstream_reset',
    statuses: [502, 503],
    text: lostUpstream('[a-z0-9 ]+'),
    explanation: 'The request was reset before an answer came. Look at the log of the service and of its sidecar.',
    source: onReset,
  },
  {
    name: 'timeout',
    reason: 'timeout',
    statuses: [504],
    text: 'upstream request timeout',
    explanation:
      'No answer came within the time of the route. Look at timeout and perTryTimeout in the VirtualService or HTTPRoute, and at how long the service takes.',
    source: `${router} Filter::onUpstreamTimeoutAbort`,
  },
  {
    name: 'longest duration',
    reason: 'timeout',
    statuses: [408, 504],
    grpc: ['DEADLINE_EXCEEDED'],
    text: /^(?:upstream max stream duration reached|downstream duration timeout)$/,
    explanation:
      'The request took longer than a proxy lets any take. Look at maxStreamDuration, and at the deadline that a gRPC caller set.',
    source: `${router} Filter::onStreamMaxDurationReached, source/common/http/conn_manager_impl.cc onStreamMaxDurationReached`,
  },
  {
    name: 'idle timeout',
    reason: 'timeout',
    statuses: [408, 504],
    text: /^(?:stream|request) timeout$/,
    isNearestOnly: true,
    explanation:
      'Nothing was sent for too long. Look at idleTimeout and the stream_idle_timeout of the proxy, and at how long the service takes.',
    source: 'envoy source/common/http/conn_manager_impl.cc ActiveStream::onIdleTimeout, onRequestTimeout',
  },
  {
    name: 'injected fault',
    reason: 'fault',
    // Any that the fault names; over HTTP 200 where it names a gRPC status.
    statuses: [],
    text: 'fault filter abort',
    explanation: 'A fault was injected. Look at fault.abort in the VirtualService: the service was not asked.',
    source: `${filters}/fault/fault_filter.cc FaultFilter::abortWithStatus`,
  },
  {
    name: 'RBAC',
    reason: 'rbac_denied',
    statuses: [403],
    text: 'RBAC: access denied',
    explanation:
      'An AuthorizationPolicy forbids it. Look at those of the callee: one that denies matches, or there are some that allow and none matches (principal, path, method, JWT claims).',
    source: `${filters}/rbac/rbac_filter.cc RoleBasedAccessControlFilter::decodeHeaders`,
  },
  {
    // Not in Istio's list of denials, but its labs show it beside them, and its cure is another: a token, not a rule.
    name: 'JWT',
    reason: 'jwt_denied',
    statuses: [401, 403],
    text: jwtProblem,
    explanation:
      'The JWT of the request is not accepted. Look at issuer, audiences, jwksUri and expiry in the RequestAuthentication; a request without a JWT is refused by an AuthorizationPolicy instead.',
    source: `${filters}/jwt_authn/filter.cc Filter::onComplete, jwt_verify_lib getStatusString`,
  },
  {
    name: 'local rate limit',
    reason: 'rate_limited',
    // 429 unless the filter names another.
    statuses: [],
    text: 'local_rate_limited',
    explanation: 'A local rate limit is used up. Look at the token bucket in the EnvoyFilter of the callee.',
    source: `${filters}/local_ratelimit/local_ratelimit.cc Filter::decodeHeaders`,
  },
  {
    name: 'global rate limit',
    reason: 'rate_limited',
    statuses: [429],
    grpc: ['RESOURCE_EXHAUSTED'],
    headers: ['x-envoy-ratelimited'],
    explanation: 'The rate limit service refused it. Look at its rules and at the descriptors in the EnvoyFilter.',
    source: `${filters}/ratelimit/ratelimit.cc Filter::complete`,
  },
  {
    name: 'dropped',
    reason: 'overflow',
    statuses: [503],
    // "maintenance mode", "drop overload", "unconditional drop overload": the first two may be anybody's words.
    headers: ['x-envoy-overloaded', 'x-envoy-drop-overload', 'x-envoy-unconditional-drop-overload'],
    explanation: 'The proxy sheds load of this cluster. Look at circuit breakers, maintenance mode, drop_overload.',
    source: `${router} Filter::decodeHeaders, Filter::checkDropOverload`,
  },
  {
    name: 'overload manager',
    reason: 'overflow',
    statuses: [503],
    text: 'envoy overloaded',
    explanation: 'The proxy itself is overloaded. Look at its memory and connections.',
    source: 'envoy source/common/http/conn_manager_impl.cc ActiveStream::decodeHeaders',
  },
  {
    name: 'no route',
    reason: 'no_route',
    statuses: [404],
    text: '',
    isNearestOnly: true,
    explanation:
      'No route matches. Look at hosts, gateways and matches (path, port, headers) of the VirtualServices or HTTPRoutes, and at the hosts of the Gateway.',
    source: `${router} Filter::decodeHeaders, NoRouteFound`,
  },
  {
    name: 'no cluster',
    reason: 'no_route',
    statuses: [503],
    text: '',
    isNearestOnly: true,
    explanation:
      'The route leads to where the proxy knows of nothing. Look at whether a DestinationRule defines the subset that the VirtualService names, and whether the Service has the port: of a route without one it is that of the gateway; over gRPC also at outboundTrafficPolicy REGISTRY_ONLY.',
    source: `${router} Filter::decodeHeaders, ClusterNotFound`,
  },
  {
    name: 'no backend',
    reason: 'no_route',
    statuses: [500],
    text: '',
    isNearestOnly: true,
    explanation: 'The backend of the route does not exist. Look at backendRefs of the HTTPRoute or GRPCRoute.',
    source: 'istio pilot/pkg/networking/core/route/route.go applyHTTPRouteDestination, ClusterNotFoundResponseCode',
  },
  {
    name: 'not in the registry',
    reason: 'no_route',
    statuses: [502],
    text: '',
    isNearestOnly: true,
    explanation:
      'Nobody may be called who is not in the registry. Look at outboundTrafficPolicy REGISTRY_ONLY: a ServiceEntry lets the host in.',
    source: 'istio pilot/pkg/networking/core/httproute.go buildCatchAllVirtualHost, block_all',
  },
];
