import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Call } from '../plan/plan.ts';
import type { Headers } from '../reply/mesh-headers.ts';
import type { Protocol } from '../reply/reply.ts';

/** What a SERVER span is told when a request arrives. */
export interface RequestFacts {
  readonly protocol: Protocol;
  readonly method: string;
  readonly uri: string;
  readonly headers: Headers;
}

/** What a SERVER span is told when the request is answered. */
export interface RequestOutcome {
  /** Absent when the connection was reset instead. */
  readonly status?: number;
  readonly grpcStatus?: string;
  /** A code of our own, when the request was not carried out. */
  readonly error?: string;
}

/** What a CLIENT span is told when a call begins. */
export interface CallFacts {
  readonly call: Call;
  readonly path: string;
  readonly stage: number;
  readonly budgetLeft: number;
  /** From 1. */
  readonly attempt: number;
}

/** What a CLIENT span is told when a call has ended. */
export interface CallOutcome {
  readonly status?: number;
  readonly grpcStatus?: string;
  readonly error?: string;
  /** Whether a meshmock answered with a reply: then it has a SERVER span, if its spans are on. */
  readonly isReply: boolean;
}

/** Everything the executor knows of tracing: it is the same with spans and without. */
export interface Tracing {
  startRequest(facts: RequestFacts): RequestTrace;
  /** Exports what is left. */
  stop(): Promise<void>;
}

export interface RequestTrace {
  readonly traceId: string | undefined;
  /** Of its SERVER span, when one is recorded: spans are on and the trace is sampled. */
  readonly spanId: string | undefined;
  /** Facts of the plan, known once it is read. */
  describe(attributes: Readonly<Record<string, string | number>>): void;
  startCall(facts: CallFacts): CallTrace;
  /** Runs a function inside the request's context, so that logs and other instrumentation find it. */
  run<T>(action: () => T): T;
  end(outcome: RequestOutcome): void;
}

export interface CallTrace {
  /** Of its CLIENT span, when one is recorded. */
  readonly spanId: string | undefined;
  /** The trace headers that the call carries. */
  readonly headers: Headers;
  run<T>(action: () => T): T;
  end(outcome: CallOutcome): void;
}

/** Answers a request of Prometheus. */
export type MetricsHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** What a service is given, whatever of it is switched on. */
export interface Telemetry {
  readonly tracing: Tracing;
  /** Only where Prometheus is to be answered. */
  readonly metrics?: MetricsHandler;
}

/** Every plan is one route: names of spans and metrics stay few. */
export const httpRoute = '/*';

/** Headers that say which trace and span a request belongs to, in the formats that spans of our own replace. */
export const contextHeaders: readonly string[] = [
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
];

/** Tracing without spans: the context of the caller is passed on as it came. */
export const verbatimTracing: Tracing = {
  startRequest({ headers }) {
    const copied = Object.fromEntries(
      contextHeaders.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
    );
    const call: CallTrace = { spanId: undefined, headers: copied, run: (action) => action(), end() {} };
    return {
      traceId: traceIdOf(headers),
      spanId: undefined,
      describe() {},
      startCall: () => call,
      run: (action) => action(),
      end() {},
    };
  },
  async stop() {},
};

/** W3C before B3, as extracting does. B3 ids of 64 bits are shown padded to the 128 that they stand for. */
function traceIdOf(headers: Headers): string | undefined {
  const w3c = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/;
  const single = /^([0-9a-f]{32}|[0-9a-f]{16})-[0-9a-f]{16}/;
  const multi = /^([0-9a-f]{32}|[0-9a-f]{16})$/i;
  return (
    w3c.exec(headers.traceparent ?? '')?.[1] ??
    (single.exec(headers.b3 ?? '') ?? multi.exec(headers['x-b3-traceid'] ?? ''))?.[1]?.toLowerCase().padStart(32, '0')
  );
}
