import type { TokenClaims } from '../model.ts';
import type { EnvoyFilter } from './edge-side.ts';

/** Issuer of tokens that a listener verifies. */
export interface TokenProvider {
  readonly issuer: string;
  /** Audiences of which a token must have one; empty for any. */
  readonly audiences: readonly string[];
  /** First place of a token that the provider reads. */
  readonly place: TokenClaims['place'];
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
        place: placeOf(provider),
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

function placeOf(provider: JwtProvider): TokenClaims['place'] {
  const [header] = provider.from_headers ?? [];
  if (header !== undefined)
    return { kind: 'header', name: (header.name ?? '').toLowerCase(), prefix: header.value_prefix ?? '' };
  const [parameter] = provider.from_params ?? [];
  if (parameter !== undefined) return { kind: 'parameter', name: parameter };
  const [cookie] = provider.from_cookies ?? [];
  if (cookie !== undefined) return { kind: 'cookie', name: cookie };
  return { kind: 'header', name: 'authorization', prefix: 'Bearer ' };
}
