import { foreignAddress } from '../foreign.ts';
import { destinationRule, httpOptions, routeTo, serviceEntry, virtualService } from '../manifests.ts';
import { type RefusalCase, statuses } from './refusal-case.ts';

const { unavailable, gatewayTimeout } = statuses;

const late = 'service4/~delay=1500ms/x';
// Over gRPC, Envoy sends a deadline. A meshmock would report it itself, so a foreign server is called.
const lateOverGrpc = { http: late, grpc: 'foreign.test[answer=late]/x' };
const strict = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default }
spec: { mtls: { mode: STRICT } }
`;

/** Refusals because an upstream has no pod, cannot be reached or does not answer in time. */
export const upstreamCases: readonly RefusalCase[] = [
  {
    name: 'a subset without pods',
    manifest: `${virtualService('route: [{ destination: { host: service4, subset: v9 } }]')}---${destinationRule('subsets: [{ name: v9, labels: { version: v9 } }]')}`,
    row: 'no healthy upstream',
    reason: 'no_healthy_upstream',
    status: unavailable,
  },
  {
    name: 'a Service without pods',
    manifest: `
apiVersion: v1
kind: Service
metadata: { name: empty }
spec: { selector: { app: nobody }, ports: [{ name: http, port: 8080 }, { name: grpc, port: 9090 }] }`,
    row: 'no healthy upstream',
    reason: 'no_healthy_upstream',
    status: unavailable,
    call: 'empty/x',
  },
  {
    name: 'ejected endpoints',
    manifest: destinationRule(
      'trafficPolicy: { outlierDetection: { consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100 } }',
    ),
    row: 'no healthy upstream',
    reason: 'no_healthy_upstream',
    status: unavailable,
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
    row: 'circuit breaker',
    reason: 'overflow',
    status: unavailable,
    call: 'service4*8;concurrency=8/~delay=500ms/x',
  },
  {
    name: 'mTLS to a pod without a sidecar, with the reason in Envoy’s answer',
    manifest: destinationRule('trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }', 'legacy'),
    row: 'TLS failure',
    reason: 'connect_failure',
    status: unavailable,
    call: 'legacy/x',
    from: 'classic',
  },
  {
    name: 'mTLS to a pod without a sidecar',
    manifest: destinationRule('trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }', 'legacy'),
    row: 'connection failure',
    reason: 'connect_failure',
    status: unavailable,
    call: 'legacy/x',
  },
  {
    name: 'an endpoint on which nothing listens',
    manifest: serviceEntry('closed.test', `${foreignAddress.host}, ports: { http: 9, grpc: 9 }`),
    row: 'connection failure',
    reason: 'connect_failure',
    status: unavailable,
    call: 'closed.test/x',
  },
  {
    name: 'a port of a pod on which nothing listens',
    // A mock listens at each port that its Services name, so the sidecar passes requests on to another one.
    manifest: `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: deaf }
spec:
  workloadSelector: { labels: { app: service4 } }
  ingress:
    - { port: { number: 8080, name: http, protocol: HTTP }, defaultEndpoint: '127.0.0.1:7777' }
    - { port: { number: 9090, name: grpc, protocol: GRPC }, defaultEndpoint: '127.0.0.1:7777' }`,
    row: 'connection failure',
    reason: 'connect_failure',
    status: unavailable,
    by: 'callee',
  },
  {
    name: 'an endpoint that does not answer in time',
    manifest: `${serviceEntry('nowhere.test', '10.77.200.200')}---${destinationRule('trafficPolicy: { connectionPool: { tcp: { connectTimeout: 200ms } } }', 'nowhere.test')}`,
    row: 'connection failure',
    reason: 'connect_failure',
    status: unavailable,
    call: 'nowhere.test/x',
  },
  {
    name: 'plain text to a service with STRICT mTLS',
    manifest: `${strict}---${destinationRule('trafficPolicy: { tls: { mode: DISABLE } }')}`,
    row: 'connection termination',
    reason: 'upstream_reset',
    status: unavailable,
  },
  {
    name: 'HTTP/2 to a port that speaks HTTP/1.1',
    // Mocks speak both.
    manifest: `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: misnamed }
spec:
  hosts: [misnamed.test]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 8080, name: http2, protocol: HTTP2 }, { number: 9090, name: grpc, protocol: GRPC }]
  endpoints: [{ address: ${foreignAddress.host}, ports: { http2: ${foreignAddress.http}, grpc: ${foreignAddress.http} } }]
`,
    row: 'protocol error',
    reason: 'upstream_reset',
    status: [502, 503, 'UNAVAILABLE'],
    call: 'misnamed.test/x',
  },
  {
    name: 'streams that the upstream resets',
    manifest: `${httpOptions('of the callee', 'common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }')}---${destinationRule('trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }')}`,
    row: 'reset',
    reason: 'upstream_reset',
    status: unavailable,
    call: 'service4[under_score=1]/x',
  },
  {
    name: 'the timeout of a route',
    manifest: ['service4', 'foreign.test']
      .map((host) => virtualService(`timeout: 0.3s, ${routeTo(host)}`, host))
      .join('---'),
    row: 'timeout',
    reason: 'timeout',
    status: gatewayTimeout,
    call: lateOverGrpc,
  },
  {
    name: 'the timeout of each try',
    manifest: ['service4', 'foreign.test']
      .map((host) =>
        virtualService(`retries: { attempts: 1, perTryTimeout: 0.2s, retryOn: 5xx }, ${routeTo(host)}`, host),
      )
      .join('---'),
    row: 'timeout',
    reason: 'timeout',
    status: gatewayTimeout,
    call: lateOverGrpc,
  },
  {
    name: 'the maximum duration of a request',
    manifest: httpOptions('of the caller', 'common_http_protocol_options: { max_stream_duration: 0.3s }'),
    row: 'longest duration',
    reason: 'timeout',
    status: [504, 504, 'DEADLINE_EXCEEDED'],
    call: late,
  },
  {
    name: 'an idle stream',
    manifest: httpOptions('of the caller', 'stream_idle_timeout: 0.3s'),
    row: 'idle timeout',
    reason: 'timeout',
    status: gatewayTimeout,
    call: late,
  },
];
