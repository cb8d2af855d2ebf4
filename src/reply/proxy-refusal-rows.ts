import type { GrpcStatusName } from '../plan/plan.ts';
import type { RefusalReason } from './reply.ts';

/** Description of one kind of a proxy's own answers, and its meaning. */
export interface RefusalRow {
  readonly name: string;
  readonly reason: RefusalReason;
  /** HTTP statuses, or any if empty. Over gRPC, the statuses to which Envoy maps them, and those in `grpc`. */
  readonly statuses: readonly number[];
  readonly grpc?: readonly GrpcStatusName[];
  /** Whole body, or message of the gRPC status; any if absent. `''` means no body. */
  readonly text?: string | RegExp;
  /** Headers of which one must be `true`. They identify answers without a distinct text. A callee can forge them. */
  readonly headers?: readonly string[];
  /** True if only the first proxy on the way is recognized, by its missing upstream time: other servers answer the same. */
  readonly isNearestOnly?: true;
  /** Text for a person: one sentence about what happened, then where to look. */
  readonly explanation: string;
  /** Place in the source of Envoy or Istio that makes this answer. */
  readonly source: string;
}

/** Returns a pattern for the router's text about an upstream that sent no answer. After a retry the text differs. */
const lostUpstream = (reasons: string, after = '(?:, transport failure reason: .*)?'): RegExp =>
  new RegExp(
    `^upstream connect error or disconnect/reset before headers\\. (?:retried and the latest )?reset reason: (?:${reasons})${after}$`,
    's',
  );

/** Texts of jwt_verify_lib about invalid tokens and keys. Services that check tokens write `JWT` instead, in most cases. */
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
 * Known answers of proxies. The first row that matches counts.
 *
 * Sidecars, ingress gateways and waypoints are all Envoy and use the same texts. Only `server` differs: a sidecar sends
 * `envoy` to its own service, every other proxy sends `istio-envoy` (istio pilot/pkg/networking/util/proxy_headers.go).
 *
 * An ambient ztunnel does not answer a refused caller over HTTP. It closes the connection, and answers only the other
 * ztunnel (ztunnel src/proxy/inbound.rs Inbound::serve_connect). Such a call has no answer, and nothing shows who closed
 * the connection. The same is true of policies on TCP ports.
 */
export const refusalRows: readonly RefusalRow[] = [
  {
    name: 'no healthy upstream',
    reason: 'no_healthy_upstream',
    statuses: [503],
    text: 'no healthy upstream',
    explanation:
      'The destination has no healthy endpoint. Look at whether pods are ready, whether the selectors of the Service and of the DestinationRule subset match any, and whether outlierDetection has ejected them all.',
    source: `${router} Filter::sendNoHealthyUpstreamResponse`,
  },
  {
    name: 'circuit breaker',
    reason: 'overflow',
    statuses: [503],
    text: lostUpstream('overflow'),
    explanation:
      'A circuit breaker is open. Look at connectionPool in the DestinationRule: more connections or requests were active or waiting than it allows.',
    source: onReset,
  },
  {
    // Since Envoy 1.38.1 callers only see this text if the runtime flag hide_transport_failure_reason_in_response_body
    // is false. Otherwise they see a connection failure, and only the access log shows that TLS failed.
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
      'The connection to the endpoint failed. Look at whether the service listens on that port, whether a NetworkPolicy blocks it, and whether the caller uses mTLS to a pod without a sidecar: the access log has the reason of a TLS failure (UPSTREAM_TRANSPORT_FAILURE_REASON).',
    source: onReset,
  },
  {
    name: 'connection termination',
    reason: 'upstream_reset',
    statuses: [503],
    text: lostUpstream('connection termination'),
    explanation:
      'The connection was closed before an answer came. Look at whether the service stopped or crashed, closes idle connections early, or gets plain text although mTLS is STRICT, or whether ztunnel refused the caller by a policy.',
    source: onReset,
  },
  {
    name: 'protocol error',
    reason: 'upstream_reset',
    statuses: [502],
    text: lostUpstream('protocol error'),
    explanation:
      'The answer was not HTTP of the expected version. Look at the name or appProtocol of the port in the Service: http, http2 and grpc are different protocols.',
    source: onReset,
  },
  {
    name: 'reset',
    reason: 'upstream_reset',
    statuses: [502, 503],
    text: lostUpstream('[a-z0-9 ]+'),
    explanation: 'The request was reset before an answer came. Look at the logs of the service and of its sidecar.',
    source: onReset,
  },
  {
    name: 'timeout',
    reason: 'timeout',
    statuses: [504],
    text: 'upstream request timeout',
    explanation:
      'No answer came within the timeout of the route. Look at timeout and perTryTimeout in the VirtualService or HTTPRoute, and at the time that the service takes.',
    source: `${router} Filter::onUpstreamTimeoutAbort`,
  },
  {
    name: 'longest duration',
    reason: 'timeout',
    statuses: [408, 504],
    grpc: ['DEADLINE_EXCEEDED'],
    text: /^(?:upstream max stream duration reached|downstream duration timeout)$/,
    explanation:
      'The request took longer than the proxy allows for any request. Look at maxStreamDuration, and at the deadline of a gRPC caller.',
    source: `${router} Filter::onStreamMaxDurationReached, source/common/http/conn_manager_impl.cc onStreamMaxDurationReached`,
  },
  {
    name: 'idle timeout',
    reason: 'timeout',
    statuses: [408, 504],
    text: /^(?:stream|request) timeout$/,
    isNearestOnly: true,
    explanation:
      'Nothing was sent for too long. Look at idleTimeout and the stream_idle_timeout of the proxy, and at the time that the service takes.',
    source: 'envoy source/common/http/conn_manager_impl.cc ActiveStream::onIdleTimeout, onRequestTimeout',
  },
  {
    name: 'injected fault',
    reason: 'fault',
    // The fault may set any status. A fault with a gRPC status has 200 over HTTP.
    statuses: [],
    text: 'fault filter abort',
    explanation:
      'A fault was injected. Look at fault.abort in the VirtualService: the service did not get the request.',
    source: `${filters}/fault/fault_filter.cc FaultFilter::abortWithStatus`,
  },
  {
    name: 'RBAC',
    reason: 'rbac_denied',
    statuses: [403],
    text: 'RBAC: access denied',
    explanation:
      'An AuthorizationPolicy denies the request. Look at the policies of the callee: a DENY policy matches, or it has ALLOW policies and none matches (principal, path, method, JWT claims).',
    source: `${filters}/rbac/rbac_filter.cc RoleBasedAccessControlFilter::decodeHeaders`,
  },
  {
    // It is separate from RBAC, because the fix differs: a valid token instead of another rule.
    name: 'JWT',
    reason: 'jwt_denied',
    statuses: [401, 403],
    text: jwtProblem,
    explanation:
      'The JWT of the request is not accepted. Look at issuer, audiences, jwksUri and expiry in the RequestAuthentication. A request without a JWT is refused by an AuthorizationPolicy instead.',
    source: `${filters}/jwt_authn/filter.cc Filter::onComplete, jwt_verify_lib getStatusString`,
  },
  {
    name: 'local rate limit',
    reason: 'rate_limited',
    // The filter answers with 429 or with the status that it configures.
    statuses: [],
    text: 'local_rate_limited',
    explanation: 'A local rate limit is exceeded. Look at the token bucket in the EnvoyFilter of the callee.',
    source: `${filters}/local_ratelimit/local_ratelimit.cc Filter::decodeHeaders`,
  },
  {
    name: 'global rate limit',
    reason: 'rate_limited',
    statuses: [429],
    grpc: ['RESOURCE_EXHAUSTED'],
    headers: ['x-envoy-ratelimited'],
    explanation:
      'The rate limit service refused the request. Look at its rules and at the descriptors in the EnvoyFilter.',
    source: `${filters}/ratelimit/ratelimit.cc Filter::complete`,
  },
  {
    name: 'dropped',
    reason: 'overflow',
    statuses: [503],
    // The texts are "maintenance mode", "drop overload", "unconditional drop overload". Other servers may use the first two.
    headers: ['x-envoy-overloaded', 'x-envoy-drop-overload', 'x-envoy-unconditional-drop-overload'],
    explanation:
      'The proxy drops requests to this cluster. Look at circuit breakers, maintenance mode and drop_overload.',
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
      'The proxy does not know the destination of the route. Look at whether a DestinationRule defines the subset of the VirtualService, and whether the Service has the port (a route without a port uses that of the gateway). Over gRPC, also look at outboundTrafficPolicy REGISTRY_ONLY.',
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
      'The host is not in the registry. Look at outboundTrafficPolicy REGISTRY_ONLY: a ServiceEntry adds the host to the registry.',
    source: 'istio pilot/pkg/networking/core/httproute.go buildCatchAllVirtualHost, block_all',
  },
];
