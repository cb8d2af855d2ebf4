import type { TokenClaims } from '../probe.ts';
import type { EnvoyFilter } from './edge-side.ts';

/** Issuer of tokens that a listener verifies. */
export interface TokenProvider {
  readonly issuer: string;
  /** Audiences of which a token must have one; empty for any. */
  readonly audiences: readonly string[];
  /** Places of a token that the provider reads. */
  readonly places: readonly [TokenClaims['place'], ...TokenClaims['place'][]];
}

/** Parses the providers of the filter for tokens among the HTTP filters of a listener. */
export function parseTokenProviders(filters: readonly EnvoyFilter[]): TokenProvider[] {
  return filters.flatMap(({ typed_config: config }) => {
    if (!String(config?.['@type'] ?? '').includes('filters.http.jwt_authn.')) return [];
    const { providers = {} } = config as { providers?: Readonly<Record<string, JwtProvider>> };
    return Object.entries(providers)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, provider]) => ({
        issuer: provider.issuer ?? '',
        audiences: provider.audiences ?? [],
        places: placesOf(provider),
      }));
  });
}

/** `envoy.extensions.filters.http.jwt_authn.v3.JwtProvider`. */
interface JwtProvider {
  readonly issuer?: string;
  readonly audiences?: readonly string[];
  readonly from_headers?: readonly { readonly name?: string; readonly value_prefix?: string }[];
  readonly from_params?: readonly string[];
  readonly from_cookies?: readonly string[];
}

function placesOf({
  from_headers: headers = [],
  from_params: parameters = [],
  from_cookies: cookies = [],
}: JwtProvider): TokenProvider['places'] {
  const [first, ...others] = [
    ...headers.map(({ name = '', value_prefix: prefix = '' }) => ({
      kind: 'header' as const,
      name: name.toLowerCase(),
      prefix,
    })),
    ...parameters.map((name) => ({ kind: 'parameter' as const, name })),
    ...cookies.map((name) => ({ kind: 'cookie' as const, name })),
  ];
  return first === undefined ? [usualPlace] : [first, ...others];
}

const usualPlace = { kind: 'header', name: 'authorization', prefix: 'Bearer ' } as const;
