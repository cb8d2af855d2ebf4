/** How a call is made: the protocol, and whether over TLS. */
export type Scheme = 'http' | 'https' | 'grpc' | 'grpcs';

/** Every scheme there is. */
export const schemes: readonly Scheme[] = ['http', 'https', 'grpc', 'grpcs'];

/** The port of a call that names none. */
export const defaultPorts: Readonly<Record<Scheme, number>> = {
  http: 8080,
  https: 443,
  grpc: 9090,
  grpcs: 443,
};

/** Whether calls of a scheme speak gRPC; the others speak HTTP. */
export function isGrpc(scheme: Scheme): boolean {
  return scheme === 'grpc' || scheme === 'grpcs';
}

/** What one service is to do with one request: behave, then call others or answer by itself. */
export type Plan = AnswerPlan | CallsPlan;

/** Answers by itself, calls nobody. */
export interface AnswerPlan {
  readonly kind: 'answer';
  readonly directives: readonly Directive[];
  /** Path and query, byte for byte. Empty only behind directives, where it stands for `/`. */
  readonly uri: string;
}

/** Calls others: the stages one after another, the calls of a stage at once. */
export interface CallsPlan {
  readonly kind: 'calls';
  readonly directives: readonly Directive[];
  /** At least one; each with at least one call. */
  readonly stages: readonly Stage[];
  /** The continuation: what every callee without one of its own is to do. Absent stands for `/`. */
  readonly then: Plan | undefined;
}

export type Stage = readonly Call[];

/** One edge as its caller sees it. */
export interface Call {
  readonly scheme: Scheme;
  /** A name or an IPv4 address; an IPv6 address stands here without its brackets. */
  readonly host: string;
  readonly port: number;
  /** How often it is called, at least 1. */
  readonly times: number;
  /** For this call only, names in lower case, in the order of the text. */
  readonly headers: readonly Header[];
  readonly options: CallOptions;
  /** The callee's own continuation, in place of the shared one. */
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
}

/** Something the service that reads it does before anything else, if all its conditions hold. */
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
  | { readonly kind: 'cpu'; readonly durationMs: number }
  | { readonly kind: 'memory'; readonly bytes: number };

export type Delay =
  | { readonly kind: 'fixed'; readonly delayMs: number }
  | { readonly kind: 'uniform'; readonly minMs: number; readonly maxMs: number }
  | { readonly kind: 'percentiles'; readonly points: readonly DelayPoint[] };

/** `percentile` per cent of the delays are at most `delayMs`. */
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

/** The names of gRPC's status codes, at the index of their number (grpc/doc/statuscodes.md). */
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

/** Bounds that a plan must keep. */
export interface PlanLimits {
  /** Every call of the whole cascade. */
  readonly maxCalls: number;
  /** Its longest chain of calls. */
  readonly maxDepth: number;
  /** How long a request may take in all: no delay may be longer. */
  readonly deadlineMs: number;
  /** CPU time of one directive. */
  readonly maxCpuMs: number;
  /** A body that a directive asks for. */
  readonly maxSizeBytes: number;
  /** Memory that a directive asks for, and that all requests of a service hold at once. */
  readonly maxMemoryBytes: number;
}

/** The limits of a service that is told nothing else. */
export const defaultPlanLimits: PlanLimits = {
  maxCalls: 1000,
  maxDepth: 50,
  deadlineMs: 15_000,
  maxCpuMs: 5000,
  maxSizeBytes: 10_000_000,
  maxMemoryBytes: 256_000_000,
};

/** Allows whatever can be written: for whoever only reads a plan and does not carry it out. */
export const noLimits: PlanLimits = {
  maxCalls: Number.POSITIVE_INFINITY,
  maxDepth: Number.POSITIVE_INFINITY,
  deadlineMs: Number.POSITIVE_INFINITY,
  maxCpuMs: Number.POSITIVE_INFINITY,
  maxSizeBytes: Number.POSITIVE_INFINITY,
  maxMemoryBytes: Number.POSITIVE_INFINITY,
};

/** No plan may be deeper, whatever a service allows: a plan and its reply take stack for each level. */
export const maxPlanDepth = 200;

/** What the callees of a plan that have no continuation of their own are to do. */
export function sharedContinuation(plan: CallsPlan): Plan {
  return plan.then ?? { kind: 'answer', directives: [], uri: '/' };
}

/** `host:port` as it stands in a `Host` header and as a person types it, an IPv6 address in brackets. */
export function authorityOf({ host, port }: Pick<Call, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Headers by their names. One that is given twice is sent as one list, as RFC 9110 section 5.3 allows. */
export function headerFields(headers: readonly Header[]): Record<string, string> {
  if (headers.length === 0) return {};
  const values = Map.groupBy(headers, ({ name }) => name);
  return Object.fromEntries([...values].map(([name, same]) => [name, same.map(({ value }) => value).join(', ')]));
}

/** The HTTP method of a call. */
export function methodOf({ options }: Call): string {
  return options.method ?? 'GET';
}
