import { isJsonObject, type Json, valueAt } from '../../diff/pieces/json.ts';

/** Text for a value that is absent, or has another type than it should. */
const unknown = '?';

/** Returns a value of YAML without fields that count as absent: null, and numbers that are null in JSON. */
export function presentFields(value: unknown): Json | undefined {
  if (value === null || (typeof value === 'number' && !Number.isFinite(value))) return undefined;
  if (Array.isArray(value)) return value.map((one) => presentFields(one) ?? null);
  if (typeof value !== 'object') return value as Json | undefined;
  const fields = Object.entries(value).map(([field, one]) => [field, presentFields(one)] as const);
  return Object.fromEntries(fields.filter(([, one]) => one !== undefined));
}

/**
 * Returns a field as text: `?` if it is absent, or neither a text nor a number nor a boolean. Texts of users are described
 * before anything has checked them, so a sentence gets its values from here.
 *
 * @example
 * shownAt({ port: { number: 80 } }, 'port', 'number'); // '80'
 */
export function shownAt(value: Json | undefined, ...path: readonly string[]): string {
  return shown(valueAt(value, ...path));
}

/** Returns a field as text, as `shownAt`; undefined if it is absent, empty or null. */
export function givenAt(value: Json | undefined, ...path: readonly string[]): string | undefined {
  const found = valueAt(value, ...path);
  return found === undefined || found === null || found === '' ? undefined : shown(found);
}

/** Returns the values of a list as texts; none if the field is absent. One value counts as a list of it. */
export function shownListAt(value: Json | undefined, ...path: readonly string[]): string[] {
  const found = valueAt(value, ...path);
  if (found === undefined || found === null) return [];
  return Array.isArray(found) ? (found as readonly Json[]).map(shown) : [shown(found)];
}

/** Returns the names and values of a map, such as one of labels; none if the field is not a map. */
export function pairsAt(value: Json | undefined, ...path: readonly string[]): (readonly [string, string])[] {
  const found = valueAt(value, ...path);
  return isJsonObject(found) ? Object.entries(found).map(([name, one]) => [name, shown(one)]) : [];
}

function shown(value: Json | undefined): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : unknown;
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : unknown;
}
