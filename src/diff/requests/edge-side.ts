import type { SecretMarks } from '../secret-values.ts';

/** Configuration of both ends of an edge on one side of a comparison, as Envoy's `/config_dump` prints it. */
export interface EdgeSide {
  /** Virtual host of the caller's proxy, or of the gateway; undefined if there is none, as without a sidecar. */
  readonly virtualHost: EnvoyVirtualHost | undefined;
  /** HTTP filters of the callee's inbound filter chain for the port, or of the gateway's listener. */
  readonly inboundFilters: readonly EnvoyFilter[];
  /** Identity that the caller shows, as a SPIFFE URI; undefined without mutual TLS. */
  readonly callerIdentity: string | undefined;
}

/** The edge whose requests are made. */
export interface RequestEdge {
  readonly protocol: 'http' | 'grpc' | 'tcp';
  /** Authority of a request that chooses none. */
  readonly authority: string;
  /** Port of the callee, for conditions about it. */
  readonly port: number;
  readonly scheme: 'http' | 'https';
  /** Reports whether the mesh can sign tokens of an issuer. */
  readonly canSignFor: (issuer: string) => boolean;
  readonly secrets: SecretMarks;
}

/** `envoy.config.route.v3.VirtualHost`, with the fields that are read here. */
export interface EnvoyVirtualHost {
  readonly name?: string;
  readonly domains?: readonly string[];
  readonly routes?: readonly EnvoyRoute[];
  readonly [field: string]: unknown;
}

/** `envoy.config.route.v3.Route`. */
export interface EnvoyRoute {
  readonly name?: string;
  readonly match?: EnvoyRouteMatch;
  readonly metadata?: { readonly filter_metadata?: { readonly istio?: { readonly config?: string } } };
  readonly route?: Readonly<Record<string, unknown>>;
  readonly redirect?: unknown;
  readonly direct_response?: unknown;
  readonly typed_per_filter_config?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** `envoy.config.route.v3.RouteMatch`. */
export interface EnvoyRouteMatch {
  readonly prefix?: string;
  readonly path?: string;
  readonly safe_regex?: { readonly regex?: string };
  readonly path_separated_prefix?: string;
  readonly case_sensitive?: boolean;
  readonly headers?: readonly EnvoyHeaderMatcher[];
  readonly query_parameters?: readonly EnvoyQueryMatcher[];
  readonly dynamic_metadata?: readonly EnvoyMetadataMatcher[];
  readonly [field: string]: unknown;
}

/** `envoy.type.matcher.v3.StringMatcher`. */
export interface EnvoyStringMatcher {
  readonly exact?: string;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly contains?: string;
  readonly safe_regex?: { readonly regex?: string };
  readonly ignore_case?: boolean;
  readonly [field: string]: unknown;
}

/** `envoy.config.route.v3.HeaderMatcher`. */
export interface EnvoyHeaderMatcher {
  readonly name?: string;
  readonly string_match?: EnvoyStringMatcher;
  readonly present_match?: boolean;
  readonly range_match?: { readonly start?: string | number; readonly end?: string | number };
  readonly invert_match?: boolean;
  readonly treat_missing_header_as_empty?: boolean;
  readonly [field: string]: unknown;
}

/** `envoy.config.route.v3.QueryParameterMatcher`. */
export interface EnvoyQueryMatcher {
  readonly name?: string;
  readonly string_match?: EnvoyStringMatcher;
  readonly present_match?: boolean;
  readonly [field: string]: unknown;
}

/** `envoy.type.matcher.v3.MetadataMatcher`. */
export interface EnvoyMetadataMatcher {
  readonly filter?: string;
  readonly path?: readonly { readonly key?: string }[];
  readonly value?: EnvoyValueMatcher;
  readonly invert?: boolean;
}

/** `envoy.type.matcher.v3.ValueMatcher`. */
export interface EnvoyValueMatcher {
  readonly string_match?: EnvoyStringMatcher;
  readonly present_match?: boolean;
  readonly list_match?: { readonly one_of?: EnvoyValueMatcher };
  readonly or_match?: { readonly value_matchers?: readonly EnvoyValueMatcher[] };
  readonly [field: string]: unknown;
}

/** HTTP filter of a listener. */
export interface EnvoyFilter {
  readonly name?: string;
  readonly typed_config?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}
