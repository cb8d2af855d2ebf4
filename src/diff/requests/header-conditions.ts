import { waysOfHeaders } from '../changed-headers.ts';
import type { Condition } from './condition.ts';
import type { ParsedRoute } from './parse-side.ts';

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
