/** Limits of the resources of a service, which all its requests share. Each has a flag of `meshmock serve`. */
export interface BudgetLimits {
  /** Maximum number of requests at once, over all protocols. */
  readonly maxRequests: number;
  /** Maximum number of calls at once that the service makes. */
  readonly maxOpenCalls: number;
  /** Maximum size of the answer to one request, with the replies in it, in bytes. */
  readonly maxAnswerBytes: number;
  /** Maximum size of the answers that all requests hold, made or received, in bytes. */
  readonly maxHeldBytes: number;
  /** Maximum number of connections without a request. */
  readonly maxIdleConnections: number;
  /** Maximum number of requests at once of one HTTP/1.1 connection. */
  readonly maxPipelined: number;
  /** Maximum number of requests at once of one HTTP/2 connection. */
  readonly maxStreams: number;
  /** Maximum time to receive a request, in milliseconds. */
  readonly readTimeoutMs: number;
  /** Maximum time in which a client takes no part of its answer, in milliseconds. */
  readonly writeTimeoutMs: number;
  /** Maximum size of the texts in a line of the log, in bytes. Longer ones are cut. */
  readonly maxLogLineBytes: number;
}

/**
 * Default limits. Together with `defaultPlanLimits` they keep a service below the 512 MiB of the manifests, with room for
 * garbage: a process that gets little CPU time collects it late.
 */
export const defaultBudgetLimits: BudgetLimits = {
  maxRequests: 2000,
  maxOpenCalls: 2000,
  maxAnswerBytes: 32_000_000,
  maxHeldBytes: 96_000_000,
  maxIdleConnections: 1000,
  maxPipelined: 32,
  maxStreams: 2000,
  readTimeoutMs: 15_000,
  writeTimeoutMs: 10_000,
  maxLogLineBytes: 4000,
};

/** Bounds that refuse work, by the flags that set them. */
export const bounds = [
  'max-requests',
  'max-open-calls',
  'max-answer',
  'max-held',
  'max-memory',
  'max-idle-connections',
  'max-pipelined',
  'read-timeout',
  'write-timeout',
] as const;

export type Bound = (typeof bounds)[number];
