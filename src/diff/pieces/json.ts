/** Value of a JSON text. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [field: string]: Json | undefined;
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the value of a nested field; undefined if it does not exist. */
export function valueAt(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let found = value;
  for (const field of path) found = isJsonObject(found) ? found[field] : undefined;
  return found;
}

/** Returns the objects in a list; none if the field is not a list. */
export function objectsAt(value: Json | undefined, ...path: readonly string[]): JsonObject[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? (found as readonly Json[]).filter(isJsonObject) : [];
}

export function textAt(value: Json | undefined, ...path: readonly string[]): string | undefined {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

export function numberAt(value: Json | undefined, ...path: readonly string[]): number | undefined {
  const found = valueAt(value, ...path);
  return typeof found === 'number' ? found : undefined;
}

/** Returns the texts in a list; none if the field is not a list. */
export function textsAt(value: Json | undefined, ...path: readonly string[]): string[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? (found as readonly Json[]).filter((one) => typeof one === 'string') : [];
}

/** Calls a function with each object in a value, the outer ones first. */
export function forEachObject(value: Json | undefined, action: (object: JsonObject) => void): void {
  if (Array.isArray(value)) for (const one of value as readonly Json[]) forEachObject(one, action);
  if (!isJsonObject(value)) return;
  action(value);
  for (const one of Object.values(value)) forEachObject(one, action);
}

/** Calls a function with each text in a value. */
export function forEachText(value: Json | undefined, action: (text: string) => void): void {
  if (typeof value === 'string') action(value);
  else if (Array.isArray(value)) for (const one of value as readonly Json[]) forEachText(one, action);
  else if (isJsonObject(value)) for (const one of Object.values(value)) forEachText(one, action);
}

/** Returns a text that is the same for equal values, whatever the order of their fields. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (isRecord(one) ? sorted(one) : one)) ?? '';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sorted(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
