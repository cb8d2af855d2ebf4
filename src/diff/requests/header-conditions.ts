import { waysOfHeaders } from '../changed-headers.ts';
import type { Condition } from './condition.ts';
import type { EnvoyStringMatcher } from './edge-side.ts';
import type { ParsedRoute } from './parse-side.ts';
import { parseStringMatcher } from './text-match.ts';

/**
 * Returns conditions on the presence of the headers that both sides change in other ways: a header that one side adds and the
 * other one sets differs only in requests that have it already.
 */
export function headerConditions(before: readonly ParsedRoute[], after: readonly ParsedRoute[]): Condition[] {
  const [old, changed] = [waysByName(before), waysByName(after)];
  const names = [...changed].flatMap(([name, ways]) => {
    const others = old.get(name);
    return others === undefined || others.symmetricDifference(ways).size === 0 ? [] : name;
  });
  return names.map((name) => ({
    kind: 'text',
    subject: { kind: 'header', name },
    match: { kind: 'present' },
    isInverted: false,
    missingIsEmpty: false,
  }));
}

function waysByName(routes: readonly ParsedRoute[]): Map<string, Set<string>> {
  const all = Map.groupBy(
    routes.flatMap(({ route }) => waysOfHeaders(route)),
    ({ name }) => name,
  );
  return new Map([...all].map(([name, ways]) => [name, new Set(ways.map(({ way }) => way))]));
}

/**
 * Returns conditions about the requests of browsers, if the sides have other rules for origins: they decide about
 * headers of the answer, and answer preflight requests.
 */
export function corsConditions(before: readonly ParsedRoute[], after: readonly ParsedRoute[]): Condition[] {
  const [old, changed] = [before, after].map((routes) => routes.flatMap(corsPolicyOf));
  if (JSON.stringify(old) === JSON.stringify(changed)) return [];
  const origins = [...(old ?? []), ...(changed ?? [])].flatMap(
    ({ allow_origin_string_match: matchers = [] }) => matchers,
  );
  const present = { match: { kind: 'present' }, isInverted: false, missingIsEmpty: false } as const;
  return [
    ...origins.flatMap((matcher): Condition[] => {
      const match = parseStringMatcher(matcher);
      return match === undefined ? [] : [{ ...present, kind: 'text', subject: origin, match }];
    }),
    { ...present, kind: 'text', subject: { kind: 'header', name: 'access-control-request-method' } },
    { ...present, kind: 'text', subject: { kind: 'method' }, match: options },
  ];
}

const origin = { kind: 'header', name: 'origin' } as const;
const options = { kind: 'exact', value: 'OPTIONS', ignoresCase: false } as const;

interface CorsPolicy {
  readonly allow_origin_string_match?: readonly EnvoyStringMatcher[];
}

function corsPolicyOf({ route }: ParsedRoute): CorsPolicy[] {
  const config = route.typed_per_filter_config?.['envoy.filters.http.cors'];
  return config === undefined ? [] : [config as CorsPolicy];
}
