import type { NotCompared } from '../comparison.ts';
import type { ProbeMode } from '../probe.ts';

/** Configuration that decides about a request on one side, as Envoy's `/config_dump` prints it. */
export interface RequestPieces {
  /** `envoy.config.route.v3.Route`; undefined if the request takes none. */
  readonly route: RoutePiece | undefined;
  /** `envoy.config.cluster.v3.Cluster` of the route; undefined if it has none or several. */
  readonly cluster: ClusterPiece | undefined;
  readonly protocol: 'http' | 'grpc' | 'tcp';
  /**
   * Returns the workload versions behind a cluster of Envoy, one entry for each pod, such as `reviews v1`. Without
   * pods, the cluster counts as one destination.
   */
  readonly podsOf: (cluster: string) => readonly string[];
  /** True if the answers of mocks show their headers, as they do at a gateway. */
  readonly showsAnswerHeaders: boolean;
  /** True if no sidecar of a callee answers in the place of a connection that its program ends. */
  readonly showsResets?: boolean;
}

/** Fields of a route that are read here. */
export interface RoutePiece {
  readonly route?: {
    readonly cluster?: string;
    readonly weighted_clusters?: {
      readonly clusters?: readonly WeightedCluster[];
    };
    readonly timeout?: string;
    readonly retry_policy?: RetryPolicy;
    readonly request_mirror_policies?: readonly unknown[];
  };
  readonly request_headers_to_add?: readonly { readonly header?: { readonly key?: string } }[];
  readonly request_headers_to_remove?: readonly string[];
  readonly response_headers_to_add?: readonly AddedHeader[];
  readonly response_headers_to_remove?: readonly string[];
  readonly typed_per_filter_config?: Readonly<Record<string, unknown>>;
}

/** Destination of a route with several of them. */
export interface WeightedCluster {
  readonly name?: string;
  readonly weight?: number;
  readonly request_headers_to_add?: readonly AddedHeader[];
  readonly request_headers_to_remove?: readonly string[];
  readonly host_rewrite_literal?: string;
  readonly response_headers_to_add?: readonly AddedHeader[];
  readonly response_headers_to_remove?: readonly string[];
}

/** `envoy.config.core.v3.HeaderValueOption`. */
export interface AddedHeader {
  readonly header?: { readonly key?: string; readonly value?: string };
  readonly append_action?: string;
}

export interface RetryPolicy {
  readonly retry_on?: string;
  readonly num_retries?: number;
  readonly per_try_timeout?: string;
  readonly retriable_status_codes?: readonly number[];
}

/** Fields of a cluster that are read here. */
export interface ClusterPiece {
  readonly outlier_detection?: unknown;
  readonly circuit_breakers?: unknown;
  readonly connect_timeout?: string;
}

/** Modes in which a request must be probed: one plain request, unless many show more, and those for what changed. */
export interface NeededModes {
  readonly modes: readonly ProbeMode[];
  readonly notCompared: readonly NotCompared[];
}

/** Result without modes. */
export const none: NeededModes = { modes: [], notCompared: [] };

/** Reports whether two parts of a configuration are the same. */
export function isSame(before: unknown, after: unknown): boolean {
  return JSON.stringify(before ?? null) === JSON.stringify(after ?? null);
}

/** Fields of the fault filter of a route. */
export interface FaultFilter {
  readonly abort?: { readonly percentage?: FractionalPercent };
  readonly delay?: { readonly percentage?: FractionalPercent; readonly fixed_delay?: string };
}

/** `envoy.type.v3.FractionalPercent`. */
export interface FractionalPercent {
  readonly numerator?: number;
  readonly denominator?: 'HUNDRED' | 'TEN_THOUSAND' | 'MILLION';
}

/** Returns the faults that a route injects. */
export function faultsOf(piece: RoutePiece | undefined): FaultFilter {
  return (piece?.typed_per_filter_config?.['envoy.filters.http.fault'] ?? {}) as FaultFilter;
}
