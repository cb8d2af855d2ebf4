/** Message about an object, and the name of the object. */
export interface NamedMessage {
  readonly name: string;
  readonly message: string;
}

/** Number of objects with the same message from which on only the first one is named. */
const fewest = 3;

/**
 * Returns a line for each message, in order. A message that concerns many objects is said once.
 *
 * @example groupedLines([{ name: 'service/a', message: 'it is old' }]) // ['service/a: it is old']
 */
export function groupedLines(messages: readonly NamedMessage[]): string[] {
  const byMessage = Map.groupBy(messages, ({ message }) => message);
  return messages.flatMap((one) => {
    const equal = byMessage.get(one.message) ?? [];
    if (equal.length < fewest) return [`${one.name}: ${one.message}`];
    return equal[0] === one ? [`${one.name} and ${equal.length - 1} other objects: ${one.message}`] : [];
  });
}
