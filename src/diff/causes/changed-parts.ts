import { isDeepStrictEqual } from 'node:util';

/** Path of a field in an object, such as `['spec', 'http', '0']`. */
export type FieldPath = readonly string[];

/** Part of an object that differs between two snapshots. */
export interface ChangedPart {
  /** Side that has the part: the later one, if both have it. */
  readonly side: 'before' | 'after';
  readonly path: FieldPath;
  /** Path of the same part on the other side, or of the part around it if the other side does not have it. */
  readonly otherPath: FieldPath;
  /** True if the other side has nothing at this place. */
  readonly isWhole: boolean;
}

/** Returns the smallest parts that differ between two values. Elements with names are compared by name. */
export function changedParts(before: unknown, after: unknown): ChangedPart[] {
  return partsBetween(before, after, { before: [], after: [] });
}

/** Path of the same part on both sides, which insertions move. */
interface Paths {
  readonly before: FieldPath;
  readonly after: FieldPath;
}

function partsBetween(before: unknown, after: unknown, paths: Paths): ChangedPart[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (before === undefined)
    return [{ side: 'after', path: paths.after, otherPath: paths.before.slice(0, -1), isWhole: true }];
  if (after === undefined)
    return [{ side: 'before', path: paths.before, otherPath: paths.after.slice(0, -1), isWhole: true }];
  if (isRecord(before) && isRecord(after))
    return [...new Set([...Object.keys(after), ...Object.keys(before)])].flatMap((key) =>
      partsBetween(before[key], after[key], below(paths, key, key)),
    );
  if (Array.isArray(before) && Array.isArray(after)) {
    const inLists = partsOfLists(before, after, paths);
    if (inLists.length > 0) return inLists;
  }
  return [{ side: 'after', path: paths.after, otherPath: paths.before, isWhole: false }];
}

function below({ before, after }: Paths, ofBefore: string | number, ofAfter: string | number): Paths {
  return { before: [...before, String(ofBefore)], after: [...after, String(ofAfter)] };
}

function partsOfLists(before: readonly unknown[], after: readonly unknown[], paths: Paths): ChangedPart[] {
  const [old, recent] = [namesOf(before), namesOf(after)];
  if (old !== undefined && recent !== undefined)
    return [...new Set([...recent, ...old])].flatMap((name) => {
      const [one, other] = [old.indexOf(name), recent.indexOf(name)];
      return partsBetween(before[one], after[other], below(paths, one, other));
    });
  const start = commonStart(before, after);
  const rest = [before.slice(start), after.slice(start)].map((list) => list.toReversed()) as [unknown[], unknown[]];
  const end = commonStart(...rest);
  const count = Math.max(before.length, after.length) - start - end;
  return Array.from({ length: count }, (_, index) => start + index).flatMap((index) =>
    partsBetween(
      index < before.length - end ? before[index] : undefined,
      index < after.length - end ? after[index] : undefined,
      below(paths, index, index),
    ),
  );
}

/** Returns the names of elements; undefined if an element has none, or two have the same. */
function namesOf(list: readonly unknown[]): string[] | undefined {
  const names = list.flatMap((one) => (isRecord(one) && typeof one.name === 'string' ? [one.name] : []));
  return names.length === list.length && new Set(names).size === names.length ? names : undefined;
}

function commonStart(one: readonly unknown[], other: readonly unknown[]): number {
  const differs = one.findIndex((value, index) => index >= other.length || !isDeepStrictEqual(value, other[index]));
  return differs === -1 ? one.length : differs;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reports whether a path is another one or inside it. */
export function isInside(path: FieldPath, outer: FieldPath): boolean {
  return outer.every((key, index) => path[index] === key);
}

/** Returns the longest path that all of some paths are inside. */
export function commonPath(paths: readonly FieldPath[]): FieldPath {
  const [first = [], ...others] = paths;
  const length = first.findIndex((key, index) => others.some((other) => other[index] !== key));
  return length === -1 ? first : first.slice(0, length);
}

/** Returns the value of a field; undefined if there is none. */
export function fieldValue(object: unknown, path: FieldPath): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], object);
}
