import { isDeepStrictEqual } from 'node:util';

type Fields = Readonly<Record<string, unknown>>;

/** Three states of a value in an apply: as it was applied last, as it is to be, and as it is now. */
interface States<T> {
  readonly last: T | undefined;
  readonly next: T;
  readonly live: T;
}

/**
 * Merges a manifest into a live object as `kubectl apply` does: fields of the manifest are set, fields that the manifest
 * had when it was last applied and has no longer are removed, and all others stay. A null removes a field.
 *
 * @param isStrategic true to merge lists of Kubernetes' own kinds by their keys, as containers by their names
 * @example
 * mergeFields({ last: { a: 1 }, next: { b: 2 }, live: { a: 1, c: 3 } }, false); // { b: 2, c: 3 }
 */
export function mergeFields(states: States<Fields>, isStrategic: boolean): Record<string, unknown> {
  return mergeMaps(states, isStrategic ? [] : undefined);
}

/** @param path names of the fields around the value; undefined if lists are not merged */
function mergeMaps({ last, next, live }: States<Fields>, path: readonly string[] | undefined): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...live };
  for (const [name, value] of Object.entries(next)) {
    if (value === null) delete merged[name];
    else merged[name] = mergeValues({ last: last?.[name], next: value, live: live[name] }, path && [...path, name]);
  }
  for (const name of Object.keys(last ?? {})) if (!Object.hasOwn(next, name)) delete merged[name];
  return merged;
}

function mergeValues({ last, next, live }: States<unknown>, path: readonly string[] | undefined): unknown {
  if (isFields(next)) {
    const states = { last: isFields(last) ? last : undefined, next, live: isFields(live) ? live : {} };
    const merged = mergeMaps(states, path);
    return path?.join('.') === 'spec.strategy' ? withOnlyKeysOf(next, merged, live) : merged;
  }
  const key = path && mergeKeyOf(path);
  if (path === undefined || key === undefined || !isKeyed(next, key) || !isKeyed(live, key)) return next;
  return mergeLists({ last: isKeyed(last, key) ? last : undefined, next, live }, key, path);
}

function mergeLists(
  { last = [], next, live }: States<readonly Fields[]>,
  key: string,
  path: readonly string[],
): Fields[] {
  const isRetained = path.at(-1) === 'volumes' || path.at(-1) === 'resourceClaims';
  const withKey = (list: readonly Fields[], wanted: unknown): Fields | undefined =>
    list.find((one) => one[key] === wanted);
  const merged = next.map((item): Fields => {
    const liveItem = withKey(live, item[key]);
    const one = mergeMaps({ last: withKey(last, item[key]), next: item, live: liveItem ?? {} }, path);
    return isRetained ? withOnlyKeysOf(item, one, liveItem) : one;
  });
  const isKept = (item: Fields): boolean => withKey(next, item[key]) !== undefined || !withKey(last, item[key]);
  const kept = live.filter(isKept);
  const added = merged.filter((item) => withKey(live, item[key]) === undefined);
  // In the API server's merge, new elements take the places of removed ones.
  const order = [...kept, ...added].slice(0, live.length).map((item) => item[key]);
  const others = kept.filter((item) => withKey(next, item[key]) === undefined);
  return mergeInOrder(others, merged, (item) => order.indexOf(item[key]));
}

/**
 * Inserts the elements of others into a list. Each comes before the first one that is after it in the live list
 * (`mergeSortedSlice` of Kubernetes' strategic merge).
 */
function mergeInOrder(
  others: readonly Fields[],
  wanted: readonly Fields[],
  indexOf: (item: Fields) => number,
): Fields[] {
  const left = [...others];
  const merged = wanted.flatMap((item): Fields[] => {
    const after = left.findIndex((other) => indexOf(other) >= indexOf(item));
    return [...left.splice(0, after === -1 ? left.length : after), item];
  });
  return [...merged, ...left];
}

/** Removes all fields that the manifest lacks if a union changes, such as the type of a volume (`retainKeys`). */
function withOnlyKeysOf(next: Fields, merged: Fields, live: unknown): Fields {
  if (isDeepStrictEqual(merged, live)) return merged;
  return Object.fromEntries(Object.entries(merged).filter(([name]) => Object.hasOwn(next, name)));
}

/** Keys of the lists that the API server merges by key (`x-kubernetes-patch-merge-key` in its OpenAPI). */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  volumes: 'name',
  env: 'name',
  schedulingGates: 'name',
  resourceClaims: 'name',
  webhooks: 'name',
  matchConditions: 'name',
  secrets: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
};

function mergeKeyOf(path: readonly string[]): string | undefined {
  const name = path.at(-1) ?? '';
  const isInSpec = path.at(-2) === 'spec';
  if (name === 'ports') return isInSpec ? 'port' : 'containerPort';
  // A ServiceAccount has a list of this name that is replaced.
  if (name === 'imagePullSecrets') return isInSpec ? 'name' : undefined;
  return mergeKeys[name];
}

/** Reports whether a value is a list of objects, each with its own value of a key. */
function isKeyed(value: unknown, key: string): value is readonly Fields[] {
  if (!Array.isArray(value) || !value.every(isFields)) return false;
  return new Set(value.map((item) => item[key])).size === value.length;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
