import { isDeepStrictEqual } from 'node:util';

/** RFC 6902, as much as istiod sends: members of objects. */
export interface PatchOperation {
  readonly op: 'test' | 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

type Members = Record<string, unknown>;

/** The document with all operations done, or undefined when one cannot be: then nothing is. */
export function patched<T extends object>(document: T, operations: readonly PatchOperation[]): T | undefined {
  const copy = structuredClone(document);
  return operations.every((operation) => carryOut(copy as Members, operation)) ? copy : undefined;
}

function carryOut(document: Members, { op, path, value }: PatchOperation): boolean {
  const names = path
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = names.pop() ?? '';
  const parent = names.reduce<unknown>((at, name) => (isMembers(at) ? at[name] : undefined), document);
  if (!isMembers(parent)) return false;
  switch (op) {
    case 'test':
      // To Kubernetes, what is not there is null.
      return isDeepStrictEqual(parent[last] ?? null, value ?? null);
    case 'replace':
    case 'remove':
      if (!(last in parent)) return false;
      break;
    case 'add':
      break;
  }
  if (op === 'remove') delete parent[last];
  else parent[last] = value;
  return true;
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
