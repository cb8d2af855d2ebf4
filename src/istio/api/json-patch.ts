import { isDeepStrictEqual } from 'node:util';

/** One operation of a JSON Patch (RFC 6902). Only the operations that istiod sends are supported. */
export interface PatchOperation {
  readonly op: 'test' | 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

type Members = Record<string, unknown>;

/**
 * Returns a patched copy of an object. Paths may name members of objects, but no elements of lists. As in Kubernetes,
 * a `test` for `null` also matches a member that does not exist.
 *
 * @throws Error if a `test` fails or a path does not exist
 * @example applyPatch({ a: 1 }, [{ op: 'replace', path: '/a', value: 2 }]) // { a: 2 }
 */
export function applyPatch<T extends object>(object: T, operations: readonly PatchOperation[]): T {
  const result = structuredClone(object);
  for (const { op, path, value } of operations) {
    const keys = path.split('/').slice(1).map(unescapeKey);
    const last = keys.pop() ?? '';
    const parent = keys.reduce<unknown>((at, key) => (at as Members | undefined)?.[key], result) as Members | undefined;
    if (parent === undefined) throw new Error(`the path ${path} does not exist`);
    switch (op) {
      case 'test':
        if (!isDeepStrictEqual(parent[last] ?? null, value ?? null))
          throw new Error(`the value at ${path} is not the one that the patch tests for`);
        break;
      case 'replace':
        if (!Object.hasOwn(parent, last)) throw new Error(`the path ${path} does not exist`);
        parent[last] = value;
        break;
      case 'add':
        parent[last] = value;
        break;
      case 'remove':
        delete parent[last];
        break;
    }
  }
  return result;
}

function unescapeKey(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~');
}
