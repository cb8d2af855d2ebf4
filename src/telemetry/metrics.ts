import type { Attributes, Histogram, Meter } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { isGrpc, methodOf, protocolOf } from '../plan/plan.ts';
import type { Identity } from '../reply/reply.ts';
import { isClientSpanError, isServerSpanError } from '../reply/status.ts';
import { processSeconds } from './process-metrics.ts';
import { RpcMethodNames } from './rpc-methods.ts';
import {
  type CallFacts,
  type CallOutcome,
  httpRoute,
  type MetricsHandler,
  type RequestFacts,
  type RequestOutcome,
  type Tracing,
} from './tracing.ts';

/** Bounds of histograms in seconds, as the conventions advise (OpenTelemetry, "HTTP metrics"). */
const explicitBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** Instruments and their descriptions. */
const durations = {
  'http.server.request.duration': 'Duration of HTTP requests that the service answered',
  'rpc.server.call.duration': 'Duration of gRPC calls that the service answered',
  'http.client.request.duration': 'Duration of HTTP calls that the service made',
  'rpc.client.call.duration': 'Duration of gRPC calls that the service made',
} as const;

/** Metrics of a service, for Prometheus. */
export interface PrometheusMetrics {
  readonly meter: Meter;
  readonly handle: MetricsHandler;
  stop(): Promise<void>;
}

/** Creates the metrics of one service, which Prometheus fetches. */
export function prometheusMetrics(serviceName: string, { version, pod }: Identity): PrometheusMetrics {
  const exporter = new PrometheusExporter({ preventServerStart: true, withoutScopeInfo: true });
  const provider = new MeterProvider({
    readers: [exporter],
    // Prometheus' names end in the unit (OpenTelemetry, "Prometheus and OpenMetrics Compatibility", metric metadata).
    views: [...Object.keys(durations), ...processSeconds].map((name) => ({
      instrumentName: name,
      name: `${name}.seconds`,
    })),
    resource: resourceFromAttributes({
      'service.name': serviceName,
      'service.version': version,
      'service.instance.id': pod,
      // OTEL_RESOURCE_ATTRIBUTES wins, as in spans.
    }).merge(detectResources({ detectors: [envDetector] })),
  });
  return {
    meter: provider.getMeter('meshmock'),
    handle: (request, response) => exporter.getMetricsRequestHandler(request, response),
    stop: () => provider.shutdown(),
  };
}

/** Returns tracing that also measures the durations of requests and calls, by the names of the conventions. */
export function withMetrics(tracing: Tracing, meter: Meter): Tracing {
  const histogram = (name: keyof typeof durations): Histogram =>
    meter.createHistogram(name, { description: durations[name], unit: 's', advice: { explicitBucketBoundaries } });
  const server = { http: histogram('http.server.request.duration'), grpc: histogram('rpc.server.call.duration') };
  const client = { http: histogram('http.client.request.duration'), grpc: histogram('rpc.client.call.duration') };
  const methods = new RpcMethodNames();
  return {
    stop: () => tracing.stop(),
    startRequest(facts) {
      const startedAt = performance.now();
      const request = tracing.startRequest(facts);
      return {
        ...request,
        startCall(callFacts) {
          const calledAt = performance.now();
          const call = request.startCall(callFacts);
          const protocol = protocolOf(callFacts.call.scheme);
          return {
            ...call,
            end(outcome) {
              call.end(outcome);
              // The conventions have no metric for a call over TCP.
              if (protocol !== 'tcp')
                client[protocol].record(secondsSince(calledAt), clientAttributes(callFacts, outcome, methods));
            },
          };
        },
        end(outcome) {
          request.end(outcome);
          server[facts.protocol].record(secondsSince(startedAt), serverAttributes(facts, outcome, methods));
        },
      };
    },
  };
}

function secondsSince(startedAt: number): number {
  return (performance.now() - startedAt) / 1000;
}

function serverAttributes(
  { protocol, method, headers }: RequestFacts,
  outcome: RequestOutcome,
  methods: RpcMethodNames,
): Attributes {
  const { status, grpcStatus, error } = outcome;
  const sent = protocol === 'http' ? status : grpcStatus;
  const fault = sent !== undefined && isServerSpanError(sent) ? (error ?? String(sent)) : undefined;
  const type = sent === undefined ? (error ?? 'reset') : fault;
  return {
    ...(protocol === 'http'
      ? {
          'http.request.method': method,
          'http.route': httpRoute,
          // A caller may send any value, and each value would make a new series.
          'url.scheme': headers['x-forwarded-proto'] === 'https' ? 'https' : 'http',
        }
      : rpcAttributes(methods.nameOf(method))),
    ...statusAttribute(sent),
    ...(type === undefined ? {} : { 'error.type': type }),
  };
}

function clientAttributes(
  { call, rpcMethod }: CallFacts,
  { status, grpcStatus, error }: CallOutcome,
  methods: RpcMethodNames,
): Attributes {
  const isRpc = isGrpc(call.scheme);
  const received = isRpc ? grpcStatus : status;
  const type = error ?? (received !== undefined && isClientSpanError(received) ? String(received) : undefined);
  return {
    ...(isRpc ? rpcAttributes(methods.nameOf(rpcMethod)) : { 'http.request.method': methodOf(call) }),
    'server.address': call.host,
    'server.port': call.port,
    ...statusAttribute(received),
    ...(type === undefined ? {} : { 'error.type': type }),
  };
}

function rpcAttributes(method: string): Attributes {
  return { 'rpc.system.name': 'grpc', 'rpc.method': method };
}

function statusAttribute(status: number | string | undefined): Attributes {
  if (status === undefined) return {};
  return typeof status === 'number' ? { 'http.response.status_code': status } : { 'rpc.response.status_code': status };
}
