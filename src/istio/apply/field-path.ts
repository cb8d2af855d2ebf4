/**
 * Parses the path of a field as the API server writes it. Text in brackets is an index or the key of a map.
 *
 * @example
 * parseFieldPath('spec.rules[0].path'); // ['spec', 'rules', '0', 'path']
 */
export function parseFieldPath(field: string): string[] {
  return [...field.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)].map(([, inBrackets, name = '']) => inBrackets ?? name);
}

/**
 * Writes a path as the API server does.
 *
 * @example
 * formatFieldPath(['spec', 'rules', '0', 'path']); // 'spec.rules[0].path'
 */
export function formatFieldPath(path: readonly string[]): string {
  return path
    .map((part, index) => {
      if (/^\d+$/.test(part) || /[^\w-]/.test(part)) return `[${part}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join('');
}

/** Yields all fields of an object that hold a text, number or boolean, in their order. */
export function* scalars(value: unknown, path: readonly string[] = []): Generator<[string[], unknown]> {
  if (typeof value !== 'object' || value === null) yield [[...path], value];
  else for (const [name, inner] of Object.entries(value)) yield* scalars(inner, [...path, name]);
}
