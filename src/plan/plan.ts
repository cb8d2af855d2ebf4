/** Protocol of a call, with or without TLS. */
export type Scheme = 'http' | 'https' | 'grpc' | 'grpcs' | 'tcp' | 'ws' | 'wss';

/** All schemes. */
export const schemes: readonly Scheme[] = ['http', 'https', 'grpc', 'grpcs', 'tcp', 'ws', 'wss'];

/** Protocol that two ends of a hop speak. A WebSocket begins as a request over HTTP. `tcp` is a line of text and its answer, without any protocol around them. */
export type Protocol = 'http' | 'grpc' | 'tcp';

/** Port of a call without a port, for each scheme. */
export const defaultPorts: Readonly<Record<Scheme, number>> = {
  http: 8080,
  https: 443,
  grpc: 9090,
  grpcs: 443,
  // As Istio's tcp-echo server.
  tcp: 9000,
  ws: 8080,
  wss: 443,
};

/** Returns the protocol of the calls of a scheme. */
export function protocolOf(scheme: Scheme): Protocol {
  switch (scheme) {
    case 'http':
    case 'https':
    case 'ws':
    case 'wss':
      return 'http';
    case 'grpc':
    case 'grpcs':
      return 'grpc';
    case 'tcp':
      return 'tcp';
  }
}

/** Reports whether calls of a scheme use a WebSocket. */
export function isWebSocket(scheme: Scheme): boolean {
  return scheme === 'ws' || scheme === 'wss';
}

/** Reports whether calls of a scheme use gRPC. */
export function isGrpc(scheme: Scheme): boolean {
  return protocolOf(scheme) === 'grpc';
}

/** Work of one service for one request: carry out directives, then answer locally or call other services. */
export type Plan = AnswerPlan | CallsPlan;

/** Plan that answers locally. */
export interface AnswerPlan {
  readonly kind: 'answer';
  readonly directives: readonly Directive[];
  /** Path and query, byte for byte. It is only empty after directives, where it means `/`. */
  readonly uri: string;
}

/** Plan that calls other services: stages run one after another, the calls of a stage in parallel. */
export interface CallsPlan {
  readonly kind: 'calls';
  readonly directives: readonly Directive[];
  /** At least one stage, each with at least one call. */
  readonly stages: readonly Stage[];
  /** Continuation: plan of every callee whose call has no own one. An absent continuation means `/`. */
  readonly then: Plan | undefined;
}

export type Stage = readonly Call[];

/** One edge of the cascade, as its caller sees it. */
export interface Call {
  readonly scheme: Scheme;
  /** Name or IP address of the host. An IPv6 address has no brackets here. */
  readonly host: string;
  readonly port: number;
  /** Number of times that the call is made, at least 1. */
  readonly times: number;
  /** Headers for this call only, with names in lower case, in the order of the text. */
  readonly headers: readonly Header[];
  readonly options: CallOptions;
  /** Continuation for this callee, instead of the shared one. */
  readonly then: Plan | undefined;
}

export interface Header {
  readonly name: string;
  readonly value: string;
}

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly method?: string;
  readonly retries?: number;
  readonly concurrency?: number;
  /** True for a call over HTTP/2; without TLS by prior knowledge (RFC 9113 section 3.3). */
  readonly http2?: boolean;
  /** True if the call passes the body of the caller's own request on. */
  readonly body?: boolean;
}

/** Behaviour of the service that reads the plan, before its stages. It applies if all conditions hold. */
export type Directive = Behaviour & { readonly conditions: readonly Condition[] };

export type Behaviour =
  | { readonly kind: 'delay'; readonly delay: Delay }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'grpc-status'; readonly grpcStatus: GrpcStatusName }
  | { readonly kind: 'close' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'size'; readonly bytes: number }
  | { readonly kind: 'body'; readonly text: string }
  | { readonly kind: 'header'; readonly header: Header }
  | ({ readonly kind: 'chunks' } & Pace)
  | ({ readonly kind: 'events' } & Pace)
  | { readonly kind: 'trailer'; readonly header: Header }
  | { readonly kind: 'cpu'; readonly durationMs: number }
  | { readonly kind: 'memory'; readonly bytes: number };

/** Number of parts in which an answer is sent, and the time between two of them. */
export interface Pace {
  readonly count: number;
  readonly intervalMs: number;
}

export type Delay =
  | { readonly kind: 'fixed'; readonly delayMs: number }
  | { readonly kind: 'uniform'; readonly minMs: number; readonly maxMs: number }
  | { readonly kind: 'percentiles'; readonly points: readonly DelayPoint[] };

/** Point of a distribution: `percentile` per cent of the delays are at most `delayMs`. */
export interface DelayPoint {
  readonly percentile: number;
  readonly delayMs: number;
}

export type Condition =
  | { readonly kind: 'share'; readonly share: number }
  | { readonly kind: 'one-in'; readonly hits: number; readonly of: number }
  | { readonly kind: 'attempt-below'; readonly attempt: number }
  | { readonly kind: 'attempt'; readonly attempt: number }
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'pod'; readonly pod: string }
  | { readonly kind: 'zone'; readonly zone: string };

/** Names of gRPC's status codes. The index of a name is its code (grpc/doc/statuscodes.md). */
export const grpcStatusNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type GrpcStatusName = (typeof grpcStatusNames)[number];

/** Limits of a plan. */
export interface PlanLimits {
  /** Maximum number of calls in the whole cascade. */
  readonly maxCalls: number;
  /** Maximum number of calls in a chain. */
  readonly maxDepth: number;
  /** Deadline of a request, in milliseconds. It is also the longest delay. */
  readonly deadlineMs: number;
  /** Maximum CPU time of one directive, in milliseconds. */
  readonly maxCpuMs: number;
  /** Maximum size of a body that a directive makes. */
  readonly maxSizeBytes: number;
  /** Maximum memory of one directive, and of all requests of a service at once. */
  readonly maxMemoryBytes: number;
}

/** Default limits of a service. */
export const defaultPlanLimits: PlanLimits = {
  maxCalls: 1000,
  maxDepth: 50,
  deadlineMs: 15_000,
  maxCpuMs: 5000,
  maxSizeBytes: 10_000_000,
  maxMemoryBytes: 192_000_000,
};

/** Limits that allow every plan, for programs that parse a plan without executing it. */
export const noLimits: PlanLimits = {
  maxCalls: Number.POSITIVE_INFINITY,
  maxDepth: Number.POSITIVE_INFINITY,
  deadlineMs: Number.POSITIVE_INFINITY,
  maxCpuMs: Number.POSITIVE_INFINITY,
  maxSizeBytes: Number.POSITIVE_INFINITY,
  maxMemoryBytes: Number.POSITIVE_INFINITY,
};

/** Upper bound of every depth limit: each level of a plan and of its reply takes some of the stack. */
export const maxPlanDepth = 200;

/** Returns the plan of the callees whose calls have no own continuation. */
export function sharedContinuation(plan: CallsPlan): Plan {
  return plan.then ?? { kind: 'answer', directives: [], uri: '/' };
}

/** Returns `host:port`. An IPv6 address is in brackets. */
export function authorityOf({ host, port }: Pick<Call, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Ports that clients leave out of `Host` and `:authority`. gRPC clients send every port but that of TLS. */
const impliedPorts: Readonly<Partial<Record<Scheme, number>>> = {
  http: 80,
  https: 443,
  grpcs: 443,
  ws: 80,
  wss: 443,
};

/**
 * Returns the value of `Host` or `:authority` that an ordinary client of a scheme sends.
 *
 * @example
 * hostHeaderOf({ scheme: 'http', host: 'web', port: 80 }); // 'web'
 */
export function hostHeaderOf(target: Pick<Call, 'scheme' | 'host' | 'port'>): string {
  const authority = authorityOf(target);
  return target.port === impliedPorts[target.scheme] ? authority.slice(0, authority.lastIndexOf(':')) : authority;
}

/**
 * Returns headers by name. The values of a repeated header are joined into one list (RFC 9110 section 5.3), and those of
 * cookies as RFC 9113 section 8.2.3 has it.
 */
export function headerFields(headers: readonly Header[]): Record<string, string> {
  if (headers.length === 0) return {};
  const values = Map.groupBy(headers, ({ name }) => name);
  return Object.fromEntries(
    [...values].map(([name, same]) => [name, same.map(({ value }) => value).join(name === 'cookie' ? '; ' : ', ')]),
  );
}

/** Returns the HTTP method of a call. */
export function methodOf({ options }: Call): string {
  return options.method ?? (options.body === true ? 'POST' : 'GET');
}
