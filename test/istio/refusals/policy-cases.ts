import { foreignAddress } from '../foreign.ts';
import {
  authentication,
  authorization,
  dropOverload,
  httpFilter,
  routeTo,
  serviceEntry,
  virtualService,
} from '../manifests.ts';
import { jwks, signedToken } from '../tokens.ts';
import { type RefusalCase, statuses } from './refusal-case.ts';

const { unavailable, forbidden, unauthenticated } = statuses;

const bearer = (token: string): string => `service4[authorization=Bearer%20${token}]/x`;
const inAnHour = Math.floor(Date.now() / 1000) + 3600;
const issuer = `issuer: me@test, jwks: '${jwks}'`;

/** Refusals by faults, policies, tokens, limits, and routes that do not exist. */
export const policyCases: readonly RefusalCase[] = [
  {
    name: 'an injected status',
    manifest: virtualService(`fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }, ${routeTo()}`),
    row: 'injected fault',
    reason: 'fault',
    status: [418, 500, 'UNKNOWN'],
  },
  {
    name: 'an injected gRPC status',
    manifest: virtualService(
      `fault: { abort: { grpcStatus: RESOURCE_EXHAUSTED, percentage: { value: 100 } } }, ${routeTo()}`,
    ),
    row: 'injected fault',
    reason: 'fault',
    status: [200, 429, 'RESOURCE_EXHAUSTED'],
  },
  {
    name: 'an identity that is denied',
    manifest: authorization(
      'action: DENY, rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/gateway] } }] }]',
    ),
    row: 'RBAC',
    reason: 'rbac_denied',
    status: forbidden,
    by: 'callee',
  },
  {
    name: 'a path that is not allowed',
    manifest: authorization('rules: [{ to: [{ operation: { paths: [/public*] } }] }]'),
    row: 'RBAC',
    reason: 'rbac_denied',
    status: forbidden,
    by: 'callee',
  },
  {
    name: 'a missing token',
    manifest: `${authentication(issuer)}---${authorization('rules: [{ from: [{ source: { requestPrincipals: ["*"] } }] }]')}`,
    row: 'RBAC',
    reason: 'rbac_denied',
    status: forbidden,
    by: 'callee',
  },
  {
    name: 'a malformed token',
    manifest: authentication(issuer),
    row: 'JWT',
    reason: 'jwt_denied',
    status: unauthenticated,
    by: 'callee',
    call: bearer('none'),
  },
  {
    name: 'an expired token',
    manifest: authentication(issuer),
    row: 'JWT',
    reason: 'jwt_denied',
    status: unauthenticated,
    by: 'callee',
    call: bearer(signedToken({ iss: 'me@test', exp: inAnHour - 7200 })),
  },
  {
    name: 'a token of another issuer',
    manifest: authentication(issuer),
    row: 'JWT',
    reason: 'jwt_denied',
    status: unauthenticated,
    by: 'callee',
    call: bearer(signedToken({ iss: 'you@test', exp: inAnHour })),
  },
  {
    name: 'a token for another audience',
    manifest: authentication(`${issuer}, audiences: [us]`),
    row: 'JWT',
    reason: 'jwt_denied',
    status: forbidden,
    by: 'callee',
    call: bearer(signedToken({ iss: 'me@test', aud: 'them', exp: inAnHour })),
  },
  {
    name: 'a local rate limit',
    manifest: httpFilter(
      ...(['of the callee', 'local_ratelimit', 'LocalRateLimit'] as const),
      `stat_prefix: limit, token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: 600s },
       filter_enabled: { runtime_key: a, default_value: { numerator: 100 } },
       filter_enforced: { runtime_key: b, default_value: { numerator: 100 } }`,
    ),
    row: 'local rate limit',
    reason: 'rate_limited',
    status: [429, 503, 'UNAVAILABLE'],
    by: 'callee',
    call: 'service4*3/x',
  },
  {
    name: 'a global rate limit',
    manifest: httpFilter(
      ...(['of the callee', 'ratelimit', 'RateLimit'] as const),
      `domain: test, failure_mode_deny: true, timeout: 5s, rate_limit_service: { transport_api_version: V3,
         grpc_service: { envoy_grpc: { cluster_name: outbound|9090||foreign.test, authority: foreign.test } } }`,
      `{ applyTo: VIRTUAL_HOST, match: { context: SIDECAR_INBOUND }, patch: { operation: MERGE,
         value: { rate_limits: [{ actions: [{ generic_key: { descriptor_value: any } }] }] } } }`,
    ),
    row: 'global rate limit',
    reason: 'rate_limited',
    status: [429, 503, 'UNAVAILABLE'],
    by: 'callee',
  },
  {
    name: 'a share of load that is dropped',
    manifest: `${serviceEntry('shed.test', foreignAddress.host, 'DNS')}---${dropOverload('shed.test', 'numerator: 999999, denominator: MILLION')}`,
    row: 'dropped',
    reason: 'overflow',
    status: unavailable,
    call: 'shed.test/x',
  },
  {
    name: 'load that is dropped entirely',
    manifest: `${serviceEntry('shut.test', foreignAddress.host, 'DNS')}---${dropOverload('shut.test', 'numerator: 100')}`,
    row: 'dropped',
    reason: 'overflow',
    status: unavailable,
    call: 'shut.test/x',
  },
  {
    name: 'a request that no match fits',
    manifest: virtualService(`match: [{ headers: { end-user: { exact: jason } } }], ${routeTo()}`),
    row: 'no route',
    reason: 'no_route',
    status: [404, 501, 'UNIMPLEMENTED'],
  },
  {
    name: 'a subset without a definition',
    manifest: virtualService('route: [{ destination: { host: service4, subset: v9 } }]'),
    row: 'no cluster',
    reason: 'no_route',
    status: unavailable,
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
    row: 'no backend',
    reason: 'no_route',
    status: [500, 500, 'UNKNOWN'],
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
    row: 'not in the registry',
    grpcRow: 'no cluster',
    reason: 'no_route',
    status: [502, 503, 'UNAVAILABLE'],
  },
  {
    name: 'a direct response',
    manifest: virtualService('directResponse: { status: 503, body: { string: closed for today } }'),
    reason: 'unknown',
    status: unavailable,
  },
  {
    name: 'an answer of a filter',
    manifest: httpFilter(
      ...(['of the caller', 'lua', 'Lua'] as const),
      `default_source_code: { inline_string: 'function envoy_on_request(handle) handle:respond({[":status"] = "403"}, "not today") end' }`,
    ),
    reason: 'unknown',
    status: forbidden,
  },
];
