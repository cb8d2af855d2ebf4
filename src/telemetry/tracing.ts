import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Call, Protocol } from '../plan/plan.ts';
import { uberContext, uberHeader } from '../reply/incoming-context.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { ResourceReadings } from './resource-metrics.ts';

/** Protocols that carry a trace context. A request over TCP would be the root of another trace. */
export type TracedProtocol = Exclude<Protocol, 'tcp'>;

/** Facts for a SERVER span when a request arrives. */
export interface RequestFacts {
  readonly protocol: TracedProtocol;
  /** HTTP method; over gRPC the full name of the method. */
  readonly method: string;
  readonly uri: string;
  readonly headers: Headers;
}

/** Facts for a SERVER span when the request is answered. */
export interface RequestOutcome {
  /** Status; absent if the connection was reset. */
  readonly status?: number;
  readonly grpcStatus?: string;
  /** Code of our error, if the request was not executed. */
  readonly error?: string;
}

/** Facts for a CLIENT span when a call begins. */
export interface CallFacts {
  readonly call: Call;
  /** Full name of the method that a call over gRPC calls. */
  readonly rpcMethod: string;
  readonly path: string;
  readonly stage: number;
  readonly budgetLeft: number;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
}

/** Facts for a CLIENT span when a call has ended. */
export interface CallOutcome {
  readonly status?: number;
  readonly grpcStatus?: string;
  readonly error?: string;
  /** True if a meshmock answered with a reply. It then has a SERVER span, if its spans are on. */
  readonly isReply: boolean;
}

/** Tracing as the executor uses it, with spans on or off. */
export interface Tracing {
  startRequest(facts: RequestFacts): RequestTrace;
  /** Exports the remaining spans. */
  stop(): Promise<void>;
}

/** Trace of one request. */
export interface RequestTrace {
  readonly traceId: string | undefined;
  /** Id of the SERVER span, if spans are on and the trace is sampled. */
  readonly spanId: string | undefined;
  /** Adds facts of the plan, once it is read. */
  describe(attributes: Readonly<Record<string, string | number>>): void;
  startCall(facts: CallFacts): CallTrace;
  /** Runs a function in the context of the request, so that logs and other instrumentation find it. */
  run<T>(action: () => T): T;
  end(outcome: RequestOutcome): void;
}

/** Trace of one call. */
export interface CallTrace {
  /** Id of the CLIENT span, if it is recorded. */
  readonly spanId: string | undefined;
  /** Trace headers of the call. */
  readonly headers: Headers;
  run<T>(action: () => T): T;
  end(outcome: CallOutcome): void;
}

/** Handler of a request of Prometheus. */
export type MetricsHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Telemetry of a service, whichever signals are on. */
export interface Telemetry {
  readonly tracing: Tracing;
  /** Handler of `/metrics`; absent if metrics are off. */
  readonly metrics?: MetricsHandler;
  /** Adds metrics of the resources of the service. */
  observe(readings: () => ResourceReadings): void;
}

/** Telemetry with all signals off. */
export function noTelemetry(): Telemetry {
  return { tracing: verbatimTracing, observe() {} };
}

/** Route of every plan, so that spans and metrics have few names. */
export const httpRoute = '/*';

/** Headers of trace contexts, in the formats that our own spans replace. */
export const contextHeaders: readonly string[] = [
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  uberHeader,
];

/** Tracing without spans, which forwards the context of the caller unchanged. */
export const verbatimTracing: Tracing = {
  startRequest: ({ headers }) => verbatimTrace(headers),
  async stop() {},
};

/** Returns the trace of a request without spans. */
export function verbatimTrace(headers: Headers): RequestTrace {
  const copied: Record<string, string> = {};
  for (const name of contextHeaders) {
    const value = headers[name];
    if (value !== undefined) copied[name] = value;
  }
  const call: CallTrace = { spanId: undefined, headers: copied, run: (action) => action(), end() {} };
  return {
    traceId: traceIdOf(headers),
    spanId: undefined,
    describe() {},
    startCall: () => call,
    run: (action) => action(),
    end() {},
  };
}

/** Returns the trace id of W3C, or else of B3 or of Jaeger. An id of 64 bits is padded to 128 bits. */
function traceIdOf({ traceparent, b3, 'x-b3-traceid': b3TraceId, [uberHeader]: uber }: Headers): string | undefined {
  // Most requests without spans have none of them.
  const w3c =
    traceparent &&
    /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent)?.[1];
  if (w3c) return w3c;
  const single = b3 && /^([0-9a-f]{32}|[0-9a-f]{16})-[0-9a-f]{16}/.exec(b3)?.[1];
  const multi = b3TraceId && /^([0-9a-f]{32}|[0-9a-f]{16})$/i.exec(b3TraceId)?.[1];
  return (single || multi)?.toLowerCase().padStart(32, '0') || uberContext(uber)?.traceId;
}
