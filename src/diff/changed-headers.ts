import { isSecretName } from '../reply/redaction.ts';
import type { NotCompared } from './comparison.ts';

/** Fields of a route of Envoy, or of one of its weighted clusters, that change headers. */
interface HeaderChanges {
  readonly request_headers_to_add?: readonly HeaderAddition[];
  readonly request_headers_to_remove?: readonly string[];
  readonly response_headers_to_add?: readonly HeaderAddition[];
  readonly response_headers_to_remove?: readonly string[];
}

interface HeaderAddition {
  readonly header?: { readonly key?: string };
  readonly append_action?: string;
}

type AddedHeaders = 'request_headers_to_add' | 'response_headers_to_add';
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
  const [old, changed] = [additions('request_headers_to_add', before), additions('request_headers_to_add', after)];
  return [...new Set([...old.keys(), ...changed.keys()])].filter((name) => old.get(name) !== changed.get(name));
}

/**
 * Returns the names of secret headers that two routes both set or add, in other ways: replies hide their values, so that they
 * look the same.
 *
 * @param field headers of requests or of answers
 */
export function hiddenAdditions(
  field: AddedHeaders,
  before: ChangingRoute | undefined,
  after: ChangingRoute | undefined,
): string[] {
  const [old, changed] = [additions(field, before), additions(field, after)];
  return [...old.keys()].filter(
    (name) => isSecretName(name) && changed.has(name) && old.get(name) !== changed.get(name),
  );
}

function additions(field: AddedHeaders, route: ChangingRoute = {}): Map<string, string> {
  const found = new Map<string, string>();
  for (const addition of partsOf(route).flatMap((part) => part[field] ?? [])) {
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

/** Returns that replies hide the values of a secret header. */
export function unseenSecret(name: string, of: 'requests' | 'answers'): NotCompared {
  return { subject: `header ${name} of ${of}`, reason: 'its settings differ, and replies hide its values' };
}

/** Returns that nothing shows a header that routes set or add. */
export function unseenAddition(name: string): NotCompared {
  return { subject: `header ${name} of requests`, reason: 'its settings differ, and the requests do not show them' };
}
