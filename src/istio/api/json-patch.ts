import { isDeepStrictEqual } from 'node:util';

/** One step of a JSON Patch (RFC 6902), of those that istiod sends. */
export interface PatchOperation {
  readonly op: 'test' | 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

type Members = Record<string, unknown>;

/**
 * Gives an object as a patch makes it; steps lead to members of objects, not into lists. A `null` is as good as
 * nothing, as Kubernetes has it.
 *
 * @throws Error when a test does not hold, or there is nothing at a path
 */
export function patched<T extends object>(object: T, operations: readonly PatchOperation[]): T {
  const result = structuredClone(object);
  for (const { op, path, value } of operations) {
    const keys = path.split('/').slice(1).map(unescaped);
    const last = keys.pop() ?? '';
    const parent = keys.reduce<unknown>((at, key) => (at as Members | undefined)?.[key], result) as Members | undefined;
    if (parent === undefined) throw new Error(`there is nothing at ${path}`);
    switch (op) {
      case 'test':
        if (!isDeepStrictEqual(parent[last] ?? null, value ?? null))
          throw new Error(`${path} is not what was expected`);
        break;
      case 'replace':
        if (!(last in parent)) throw new Error(`there is nothing at ${path}`);
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

function unescaped(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~');
}
