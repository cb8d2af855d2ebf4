import { isDeepStrictEqual } from 'node:util';
import { parseAllDocuments } from 'yaml';
import type { Cause } from '../../../../src/diff/cause.ts';
import type { FieldChange } from './field-mutation.ts';

/** Object that a mutation changes. */
export interface MutatedObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Paths of the smallest values that differ, as the report names places: without `spec`. */
  readonly paths: readonly (readonly string[])[];
}

interface KubeText {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Returns the objects that differ between the two texts of a mutation. It does not use the code that it tests. */
export function mutatedObjects({ before, after }: FieldChange): MutatedObject[] {
  const [old, recent] = [objectsOf(before), objectsOf(after)];
  return [...new Set([...old.keys(), ...recent.keys()])].flatMap((identity) => {
    const [one, other] = [old.get(identity), recent.get(identity)];
    const object = other ?? one;
    if (object === undefined || isDeepStrictEqual(one, other)) return [];
    const { kind, metadata } = object;
    const paths = pathsBetween(one, other).map((path) => (path[0] === 'spec' ? path.slice(1) : path));
    return [{ kind, namespace: metadata.namespace ?? 'default', name: metadata.name, paths }];
  });
}

/** Reports whether a cause names an object, and a place in it, if it has one, that overlaps with a changed value. */
export function isCause({ kind, namespace, name, paths }: MutatedObject, cause: Cause): boolean {
  if (cause.kind !== kind || cause.namespace !== namespace || cause.name !== name) return false;
  const place = (cause.place ?? '').split(/[.[\]]+/).filter((part) => part !== '');
  return paths.some((path) => {
    const common = Math.min(path.length, place.length);
    return isDeepStrictEqual(path.slice(0, common), place.slice(0, common));
  });
}

function objectsOf(text: string): Map<string, KubeText> {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as KubeText);
  return new Map(
    objects.map((object) => {
      const { kind, metadata } = object;
      return [JSON.stringify([kind, metadata.namespace, metadata.name]), object];
    }),
  );
}

/** Returns the paths of the smallest values that differ. Elements of lists are compared by their index. */
function pathsBetween(one: unknown, other: unknown): string[][] {
  if (isDeepStrictEqual(one, other)) return [];
  if (!isNested(one) || !isNested(other) || Array.isArray(one) !== Array.isArray(other)) return [[]];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].flatMap((key) => pathsBetween(one[key], other[key]).map((path) => [key, ...path]));
}

function isNested(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
