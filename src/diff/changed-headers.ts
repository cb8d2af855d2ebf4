import type { NotCompared } from './model.ts';

/** Fields of a route of Envoy, or of one of its weighted clusters, that change headers. */
interface HeaderChanges {
  readonly request_headers_to_add?: readonly HeaderAddition[];
  readonly request_headers_to_remove?: readonly string[];
  readonly response_headers_to_remove?: readonly string[];
}

interface HeaderAddition {
  readonly header?: { readonly key?: string };
  readonly append_action?: string;
}

type HeaderRemoval = 'request_headers_to_remove' | 'response_headers_to_remove';

/** Route of Envoy, as far as it changes headers. */
interface ChangingRoute {
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
  field: HeaderRemoval,
  before: ChangingRoute | undefined,
  after: ChangingRoute | undefined,
): string[] {
  const [old, changed] = [removed(field, before), removed(field, after)];
  return [...old.symmetricDifference(changed)];
}

function removed(field: HeaderRemoval, route: ChangingRoute = {}): Set<string> {
  return new Set(
    partsOf(route)
      .flatMap((part) => part[field] ?? [])
      .map((name) => name.toLowerCase()),
  );
}

function partsOf(route: ChangingRoute): readonly HeaderChanges[] {
  return [route, ...(route.route?.weighted_clusters?.clusters ?? [])];
}

/** Returns the names of headers that two routes set or add to requests in other ways, in lower case. */
export function addedInOtherWays(before: ChangingRoute | undefined, after: ChangingRoute | undefined): string[] {
  const [old, changed] = [additions(before), additions(after)];
  return [...new Set([...old.keys(), ...changed.keys()])].filter((name) => old.get(name) !== changed.get(name));
}

function additions(route: ChangingRoute = {}): Map<string, string> {
  const found = new Map<string, string>();
  for (const addition of partsOf(route).flatMap((part) => part.request_headers_to_add ?? [])) {
    const name = addition.header?.key?.toLowerCase() ?? '';
    found.set(name, `${found.get(name) ?? ''}${JSON.stringify(addition)}`);
  }
  return found;
}

/** Returns the ways in which a route changes headers of requests, with their names in lower case. */
export function waysOfHeaders(route: ChangingRoute): { readonly name: string; readonly way: string }[] {
  return partsOf(route).flatMap(({ request_headers_to_add: added = [], request_headers_to_remove: removed = [] }) => [
    // Envoy's dump leaves out its default, which is to append.
    ...added.map(({ header, append_action: way = 'append' }) => ({ name: header?.key?.toLowerCase() ?? '', way })),
    ...removed.map((name) => ({ name: name.toLowerCase(), way: 'remove' })),
  ]);
}

/** Returns that nothing shows whether a header is removed from requests. */
export function unseenRemoval(name: string): NotCompared {
  return { subject: `removal of the header ${name}`, reason: 'the requests do not show it' };
}

/** Returns that nothing shows a header that routes set or add. */
export function unseenAddition(name: string): NotCompared {
  return { subject: `header ${name} of requests`, reason: 'its settings differ, and the requests do not show them' };
}
