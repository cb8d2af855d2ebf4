const shortestPrefix = 3;

/**
 * Returns the name that a misspelt word most likely means, or undefined if no name is near.
 * A name is near if few letters differ, or if it begins with the word.
 *
 * @example
 * suggestionFor('stauts', ['status', 'version']); // 'status'
 */
export function suggestionFor(word: string, names: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const mostEdits = Math.floor((lower.length + 1) / 3);
  const near = names
    .filter((name) => Math.abs(name.length - lower.length) <= mostEdits)
    .map((name) => ({ name, edits: editsBetween(lower, name.toLowerCase()) }))
    .filter(({ edits }) => edits <= mostEdits)
    .toSorted((a, b) => a.edits - b.edits);
  const isLongEnough = lower.length >= shortestPrefix;
  return near[0]?.name ?? names.find((name) => isLongEnough && name.toLowerCase().startsWith(lower));
}

/** Returns `; did you mean "NAME"?` for the nearest name, or an empty text. */
export function didYouMean(word: string, names: readonly string[]): string {
  const name = suggestionFor(word, names);
  return name === undefined ? '' : `; did you mean "${name}"?`;
}

/**
 * Returns the end of an error about an unknown name: the nearest name, or all names.
 *
 * @param kind plural noun for the names
 * @example
 * nearestOrAll('tset', 'commands', ['test', 'up']); // '; did you mean "test"?'
 * nearestOrAll('x', 'commands', ['test', 'up']); // '; the commands are test, up'
 */
export function nearestOrAll(word: string, kind: string, names: readonly string[]): string {
  return didYouMean(word, names) || `; the ${kind} are ${names.join(', ')}`;
}

/**
 * Counts the letters to insert, delete, replace or swap with their neighbour, to get from one word to another
 * (optimal string alignment distance).
 */
function editsBetween(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (last[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const swapped = isSwap ? (beforeLast[column - 2] ?? 0) + 1 : replaced;
      current.push(Math.min(replaced, swapped, (last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    [beforeLast, last] = [last, current];
  }
  return last[to.length] ?? 0;
}
