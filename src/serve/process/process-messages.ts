import type { Protocol } from '../../plan/plan.ts';

/**
 * Limits of the buckets in which durations are counted, in milliseconds. They are those of Envoy
 * (source/common/stats/histogram_impl.cc, `defaultBuckets`).
 */
export const durationLimitsMs: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000,
];

/** Host of calls to hosts that are not counted one by one. It is not the name of a host. */
export const otherHosts = 'other hosts';

/** Calls with the same facts, since the report before. */
export interface TrafficCount {
  /** Host as the plan names it; empty for requests that reach the service from outside the mesh. */
  readonly host: string;
  /** Address that was dialled, with its port; empty where the host is empty or `otherHosts`. */
  readonly address: string;
  readonly protocol: Protocol;
  /** HTTP status, or the code of the error of a call without an answer. */
  readonly status: string;
  /** Name of the gRPC status; empty for other protocols. */
  readonly grpcStatus: string;
  readonly requests: number;
  /** Sum of the durations, in milliseconds. */
  readonly durationMs: number;
  /** Calls by the first of `durationLimitsMs` that they did not exceed; `null` for those above all limits. */
  readonly buckets: readonly (readonly [number | null, number])[];
}

/** Facts by which calls are counted together. */
export type CallFacts = Pick<TrafficCount, 'host' | 'address' | 'protocol' | 'status' | 'grpcStatus'>;

/** Returns the key under which calls with the same facts are counted. */
export function factsKey({ host, address, protocol, status, grpcStatus }: CallFacts): string {
  return `${host} ${address} ${protocol} ${status} ${grpcStatus}`;
}

/** Message from a parent process to the service that it started with a channel. */
export type MessageToService =
  /** Replaces the ports of `--service-port`. */
  | { readonly kind: 'service-ports'; readonly ports: readonly string[] }
  /** Decides whether the service is ready, by `/-/ready`. */
  | { readonly kind: 'readiness'; readonly isReady: boolean }
  /** Replaces the directives for every request; null restores those of the start. */
  | { readonly kind: 'behaviour'; readonly directives: string | null }
  /** Begins or ends the counts of calls. */
  | { readonly kind: 'traffic'; readonly isCounted: boolean };

/** First message of a service: it listens. The addresses are as its ready line shows them. */
export interface ReadyMessage {
  readonly kind: 'ready';
  readonly http: string;
  readonly grpc: string;
}

/** Message from a service to the parent process. */
export type MessageFromService =
  | ReadyMessage
  /** Answer to `behaviour`: the directives are in effect. */
  | { readonly kind: 'accepted' }
  /** Answer to `behaviour`: the directives are wrong, and nothing has changed. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Calls of the last second or more, while they are counted. Nothing is sent without calls. */
  | { readonly kind: 'traffic'; readonly counts: readonly TrafficCount[] };

/**
 * Parses a message for a service.
 *
 * @example
 * parseMessageToService({ kind: 'behaviour', directives: '/~delay=1s' });
 *
 * @returns undefined for anything else that arrives on the channel
 */
export function parseMessageToService(value: unknown): MessageToService | undefined {
  const message = value as MessageToService | null | undefined;
  switch (message?.kind) {
    case 'service-ports':
      return Array.isArray(message.ports) && message.ports.every(isText) ? message : undefined;
    case 'readiness':
      return typeof message.isReady === 'boolean' ? message : undefined;
    case 'behaviour':
      return isText(message.directives) || message.directives === null ? message : undefined;
    case 'traffic':
      return typeof message.isCounted === 'boolean' ? message : undefined;
    default:
      return undefined;
  }
}

/**
 * Parses a message of a service.
 *
 * @example
 * parseMessageFromService({ kind: 'ready', http: ':8080', grpc: ':9090' });
 *
 * @returns undefined for anything else that arrives on the channel
 */
export function parseMessageFromService(value: unknown): MessageFromService | undefined {
  const message = value as MessageFromService | null | undefined;
  switch (message?.kind) {
    case 'ready':
      return isText(message.http) && isText(message.grpc) ? message : undefined;
    case 'accepted':
      return message;
    case 'refused':
      return isText(message.message) ? message : undefined;
    case 'traffic':
      return Array.isArray(message.counts) && message.counts.every(isTrafficCount) ? message : undefined;
    default:
      return undefined;
  }
}

function isTrafficCount(value: unknown): boolean {
  const count = value as TrafficCount | null | undefined;
  return (
    [count?.host, count?.address, count?.protocol, count?.status, count?.grpcStatus].every(isText) &&
    [count?.requests, count?.durationMs].every(Number.isFinite) &&
    Array.isArray(count?.buckets) &&
    count.buckets.every((bucket) => Array.isArray(bucket) && Number.isFinite(bucket[1]))
  );
}

const isText = (value: unknown): boolean => typeof value === 'string';
