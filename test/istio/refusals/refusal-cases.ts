import type { RefusalReason } from '../../../src/reply/reply.ts';
import { foreignAddress } from '../foreign.ts';
import * as manifests from '../manifests.ts';
import { jwks, signedToken } from '../tokens.ts';

const { virtualService, destinationRule, authorization, authentication, serviceEntry, routeTo } = manifests;

/** Manifest that makes a proxy refuse a call, and the expected refusal. */
export interface RefusalCase {
  readonly name: string;
  readonly manifest: string;
  /** Expected row of the table of refusals. The reason `unknown` has no row. */
  readonly row?: string;
  readonly reason: RefusalReason;
  /** Status over HTTP, and status and gRPC status over gRPC. */
  readonly status: readonly [http: number, grpc: number, grpcStatus: string];
  /** Calls after `/@` or `/@grpc:`, of which the last one is checked. `service4/x` if not given. */
  readonly call?: string | { readonly http: string; readonly grpc: string };
  /** Calling service; `gateway` if not given. */
  readonly from?: string;
  /** `callee` if the callee's proxy refuses the call; if not given, the caller's proxy does. */
  readonly by?: 'callee';
  /** Expected row over gRPC, if two rows have the same status there. */
  readonly grpcRow?: string;
}

const unavailable = [503, 503, 'UNAVAILABLE'] as const;
const forbidden = [403, 403, 'PERMISSION_DENIED'] as const;
const unauthenticated = [401, 401, 'UNAUTHENTICATED'] as const;
const gatewayTimeout = [504, 503, 'UNAVAILABLE'] as const;

const late = 'service4/~delay=1500ms/x';
// Over gRPC, Envoy sends a deadline. A meshmock would report it itself, so a foreign server is called.
const lateOverGrpc = { http: late, grpc: 'foreign.test[answer=late]/x' };
const bearer = (token: string): string => `service4[authorization=Bearer%20${token}]/x`;
const inAnHour = Math.floor(Date.now() / 1000) + 3600;
const strict = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default }
spec: { mtls: { mode: STRICT } }
`;
const issuer = `issuer: me@test, jwks: '${jwks}'`;

export const refusalCases: readonly RefusalCase[] = [
  {
    name: 'a subset without pods',
    manifest: `${virtualService('route: [{ destination: { host: service4, subset: v9 } }]')}---${destinationRule('subsets: [{ name: v9, labels: { version: v9 } }]')}`,
    ...{ row: 'no healthy upstream', reason: 'no_healthy_upstream', status: unavailable },
  },
  {
    name: 'a Service without pods',
    manifest: `
apiVersion: v1
kind: Service
metadata: { name: empty }
spec: { selector: { app: nobody }, ports: [{ name: http, port: 8080 }, { name: grpc, port: 9090 }] }`,
    ...{ row: 'no healthy upstream', reason: 'no_healthy_upstream', status: unavailable },
    call: 'empty/x',
  },
  {
    name: 'ejected endpoints',
    manifest: destinationRule(
      'trafficPolicy: { outlierDetection: { consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100 } }',
    ),
    ...{ row: 'no healthy upstream', reason: 'no_healthy_upstream', status: unavailable },
    // Envoy ejects endpoints on its main thread, a moment after the answer.
    call: {
      http: 'service4*2(/~status=500/x),service3(/~delay=500ms/x),service4/x',
      grpc: 'service4*2(/~status=500/x),service3(/~delay=500ms/x),grpc:service4/x',
    },
  },
  {
    name: 'too many requests at once',
    manifest: destinationRule(
      'trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1, http2MaxRequests: 1 } } }',
    ),
    ...{ row: 'circuit breaker', reason: 'overflow', status: unavailable },
    call: 'service4*8;concurrency=8/~delay=500ms/x',
  },
  {
    name: 'mTLS to a pod without a sidecar, with the reason in Envoy’s answer',
    manifest: destinationRule('trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }', 'legacy'),
    ...{ row: 'TLS failure', reason: 'connect_failure', status: unavailable },
    ...{ call: 'legacy/x', from: 'classic' },
  },
  {
    name: 'mTLS to a pod without a sidecar',
    manifest: destinationRule('trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }', 'legacy'),
    ...{ row: 'connection failure', reason: 'connect_failure', status: unavailable },
    call: 'legacy/x',
  },
  {
    name: 'an endpoint on which nothing listens',
    manifest: serviceEntry('closed.test', `${foreignAddress.host}, ports: { http: 9, grpc: 9 }`),
    ...{ row: 'connection failure', reason: 'connect_failure', status: unavailable },
    call: 'closed.test/x',
  },
  {
    name: 'a port of a pod on which nothing listens',
    manifest: `
apiVersion: v1
kind: Service
metadata: { name: deaf }
spec: { selector: { app: service4 }, ports: [{ name: http2, port: 8080, targetPort: 7777 }, { name: http2-b, port: 9090, targetPort: 7777 }] }`,
    ...{ row: 'connection failure', reason: 'connect_failure', status: unavailable },
    ...{ call: 'deaf/x', by: 'callee' },
  },
  {
    name: 'an endpoint that does not answer in time',
    manifest: `${serviceEntry('nowhere.test', '10.77.200.200')}---${destinationRule('trafficPolicy: { connectionPool: { tcp: { connectTimeout: 200ms } } }', 'nowhere.test')}`,
    ...{ row: 'connection failure', reason: 'connect_failure', status: unavailable },
    call: 'nowhere.test/x',
  },
  {
    name: 'plain text to a service with STRICT mTLS',
    manifest: `${strict}---${destinationRule('trafficPolicy: { tls: { mode: DISABLE } }')}`,
    ...{ row: 'connection termination', reason: 'upstream_reset', status: unavailable },
  },
  {
    name: 'HTTP/2 to a port that speaks HTTP/1.1',
    manifest: `
apiVersion: v1
kind: Service
metadata: { name: misnamed }
spec: { selector: { app: legacy }, ports: [{ name: http2, port: 8080 }, { name: grpc, port: 9090, targetPort: 8080 }] }`,
    ...{ row: 'protocol error', reason: 'upstream_reset', status: [502, 503, 'UNAVAILABLE'] },
    call: 'misnamed/x',
  },
  {
    name: 'streams that the upstream resets',
    manifest: `${manifests.httpOptions('of the callee', 'common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }')}---${destinationRule('trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }')}`,
    ...{ row: 'reset', reason: 'upstream_reset', status: unavailable },
    call: 'service4[under_score=1]/x',
  },
  {
    name: 'the timeout of a route',
    manifest: ['service4', 'foreign.test']
      .map((host) => virtualService(`timeout: 0.3s, ${routeTo(host)}`, host))
      .join('---'),
    ...{ row: 'timeout', reason: 'timeout', status: gatewayTimeout, call: lateOverGrpc },
  },
  {
    name: 'the timeout of each try',
    manifest: ['service4', 'foreign.test']
      .map((host) =>
        virtualService(`retries: { attempts: 1, perTryTimeout: 0.2s, retryOn: 5xx }, ${routeTo(host)}`, host),
      )
      .join('---'),
    ...{ row: 'timeout', reason: 'timeout', status: gatewayTimeout, call: lateOverGrpc },
  },
  {
    name: 'the maximum duration of a request',
    manifest: manifests.httpOptions('of the caller', 'common_http_protocol_options: { max_stream_duration: 0.3s }'),
    ...{ row: 'longest duration', reason: 'timeout', status: [504, 504, 'DEADLINE_EXCEEDED'], call: late },
  },
  {
    name: 'an idle stream',
    manifest: manifests.httpOptions('of the caller', 'stream_idle_timeout: 0.3s'),
    ...{ row: 'idle timeout', reason: 'timeout', status: gatewayTimeout, call: late },
  },
  {
    name: 'an injected status',
    manifest: virtualService(`fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }, ${routeTo()}`),
    ...{ row: 'injected fault', reason: 'fault', status: [418, 500, 'UNKNOWN'] },
  },
  {
    name: 'an injected gRPC status',
    manifest: virtualService(
      `fault: { abort: { grpcStatus: RESOURCE_EXHAUSTED, percentage: { value: 100 } } }, ${routeTo()}`,
    ),
    ...{ row: 'injected fault', reason: 'fault', status: [200, 429, 'RESOURCE_EXHAUSTED'] },
  },
  {
    name: 'an identity that is denied',
    manifest: authorization(
      'action: DENY, rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/gateway] } }] }]',
    ),
    ...{ row: 'RBAC', reason: 'rbac_denied', status: forbidden, by: 'callee' },
  },
  {
    name: 'a path that is not allowed',
    manifest: authorization('rules: [{ to: [{ operation: { paths: [/public*] } }] }]'),
    ...{ row: 'RBAC', reason: 'rbac_denied', status: forbidden, by: 'callee' },
  },
  {
    name: 'a missing token',
    manifest: `${authentication(issuer)}---${authorization('rules: [{ from: [{ source: { requestPrincipals: ["*"] } }] }]')}`,
    ...{ row: 'RBAC', reason: 'rbac_denied', status: forbidden, by: 'callee' },
  },
  {
    name: 'a malformed token',
    manifest: authentication(issuer),
    ...{ row: 'JWT', reason: 'jwt_denied', status: unauthenticated, by: 'callee', call: bearer('none') },
  },
  {
    name: 'an expired token',
    manifest: authentication(issuer),
    ...{ row: 'JWT', reason: 'jwt_denied', status: unauthenticated, by: 'callee' },
    call: bearer(signedToken({ iss: 'me@test', exp: inAnHour - 7200 })),
  },
  {
    name: 'a token of another issuer',
    manifest: authentication(issuer),
    ...{ row: 'JWT', reason: 'jwt_denied', status: unauthenticated, by: 'callee' },
    call: bearer(signedToken({ iss: 'you@test', exp: inAnHour })),
  },
  {
    name: 'a token for another audience',
    manifest: authentication(`${issuer}, audiences: [us]`),
    ...{ row: 'JWT', reason: 'jwt_denied', status: forbidden, by: 'callee' },
    call: bearer(signedToken({ iss: 'me@test', aud: 'them', exp: inAnHour })),
  },
  {
    name: 'a local rate limit',
    manifest: manifests.httpFilter(
      ...(['of the callee', 'local_ratelimit', 'LocalRateLimit'] as const),
      `stat_prefix: limit, token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: 600s },
       filter_enabled: { runtime_key: a, default_value: { numerator: 100 } },
       filter_enforced: { runtime_key: b, default_value: { numerator: 100 } }`,
    ),
    ...{ row: 'local rate limit', reason: 'rate_limited', status: [429, 503, 'UNAVAILABLE'], by: 'callee' },
    call: 'service4*3/x',
  },
  {
    name: 'a global rate limit',
    manifest: manifests.httpFilter(
      ...(['of the callee', 'ratelimit', 'RateLimit'] as const),
      `domain: test, failure_mode_deny: true, timeout: 5s, rate_limit_service: { transport_api_version: V3,
         grpc_service: { envoy_grpc: { cluster_name: outbound|9090||foreign.test, authority: foreign.test } } }`,
      `{ applyTo: VIRTUAL_HOST, match: { context: SIDECAR_INBOUND }, patch: { operation: MERGE,
         value: { rate_limits: [{ actions: [{ generic_key: { descriptor_value: any } }] }] } } }`,
    ),
    ...{ row: 'global rate limit', reason: 'rate_limited', status: [429, 503, 'UNAVAILABLE'], by: 'callee' },
  },
  {
    name: 'a share of load that is dropped',
    manifest: `${serviceEntry('shed.test', foreignAddress.host, 'DNS')}---${manifests.dropOverload('shed.test', 'numerator: 999999, denominator: MILLION')}`,
    ...{ row: 'dropped', reason: 'overflow', status: unavailable, call: 'shed.test/x' },
  },
  {
    name: 'load that is dropped entirely',
    manifest: `${serviceEntry('shut.test', foreignAddress.host, 'DNS')}---${manifests.dropOverload('shut.test', 'numerator: 100')}`,
    ...{ row: 'dropped', reason: 'overflow', status: unavailable, call: 'shut.test/x' },
  },
  {
    name: 'a request that no match fits',
    manifest: virtualService(`match: [{ headers: { end-user: { exact: jason } } }], ${routeTo()}`),
    ...{ row: 'no route', reason: 'no_route', status: [404, 501, 'UNIMPLEMENTED'] },
  },
  {
    name: 'a subset without a definition',
    manifest: virtualService('route: [{ destination: { host: service4, subset: v9 } }]'),
    ...{ row: 'no cluster', reason: 'no_route', status: unavailable },
  },
  {
    name: 'a backend that does not exist',
    manifest: `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: service4 }
spec:
  parentRefs: [{ kind: Service, group: "", name: service4 }]
  rules: [{ backendRefs: [{ name: nobody, port: 8080 }] }]`,
    ...{ row: 'no backend', reason: 'no_route', status: [500, 500, 'UNKNOWN'] },
  },
  {
    name: 'a host that is not in the registry',
    manifest: `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: gateway }
spec:
  workloadSelector: { labels: { app: gateway } }
  outboundTrafficPolicy: { mode: REGISTRY_ONLY }
  egress: [{ hosts: [./service1.default.svc.cluster.local] }]`,
    ...{ row: 'not in the registry', grpcRow: 'no cluster', reason: 'no_route', status: [502, 503, 'UNAVAILABLE'] },
  },
  {
    name: 'a direct response',
    manifest: virtualService('directResponse: { status: 503, body: { string: closed for today } }'),
    ...{ reason: 'unknown', status: unavailable },
  },
  {
    name: 'an answer of a filter',
    manifest: manifests.httpFilter(
      ...(['of the caller', 'lua', 'Lua'] as const),
      `default_source_code: { inline_string: 'function envoy_on_request(handle) handle:respond({[":status"] = "403"}, "not today") end' }`,
    ),
    ...{ reason: 'unknown', status: forbidden },
  },
];
