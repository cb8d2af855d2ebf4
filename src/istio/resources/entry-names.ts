/** Returns the name of a Service's entries. */
export function entryName(service: string, namespace: string): string {
  return namespace === 'default' ? service : `${service}.${namespace}`;
}

/**
 * Finds the items with a name: first in the given namespace, then in all namespaces.
 *
 * @param nameOf returns the name of an item in the form of `entryName`
 * @param name a name with or without a namespace
 * @example findByName(['a', 'a.shop'], (name) => name, 'a', 'shop') // ['a.shop']
 */
export function findByName<T>(all: readonly T[], nameOf: (one: T) => string, name: string, namespace: string): T[] {
  const nameInNamespace = entryName(name, namespace);
  const found = all.filter((one) => nameOf(one) === nameInNamespace);
  return found.length > 0 ? found : all.filter((one) => nameOf(one) === name.replace(/\.default$/, ''));
}
