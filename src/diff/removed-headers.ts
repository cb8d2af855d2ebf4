import type { NotCompared } from './model.ts';

/** Fields of a route of Envoy, or of one of its weighted clusters, that remove headers. */
interface HeaderRemoval {
  readonly request_headers_to_remove?: readonly string[];
  readonly response_headers_to_remove?: readonly string[];
}

/** Route of Envoy, as far as it removes headers. */
interface RemovingRoute {
  readonly route?: { readonly weighted_clusters?: { readonly clusters?: readonly object[] } };
}

/**
 * Returns the names of headers that only one of two routes removes, in lower case.
 *
 * @param field headers of requests or of answers
 * @example
 * removedByOne('request_headers_to_remove', { request_headers_to_remove: ['x-debug'] }, {}); // ['x-debug']
 */
export function removedByOne(
  field: keyof HeaderRemoval,
  before: RemovingRoute | undefined,
  after: RemovingRoute | undefined,
): string[] {
  const [old, changed] = [removed(field, before), removed(field, after)];
  return [...old.symmetricDifference(changed)];
}

function removed(field: keyof HeaderRemoval, route: RemovingRoute = {}): Set<string> {
  const parts: readonly HeaderRemoval[] = [route, ...(route.route?.weighted_clusters?.clusters ?? [])];
  return new Set(parts.flatMap((part) => part[field] ?? []).map((name) => name.toLowerCase()));
}

/** Returns that nothing shows whether a header is removed from requests. */
export function unseenRemoval(name: string): NotCompared {
  return { subject: `removal of the header ${name}`, reason: 'the requests do not show it' };
}
