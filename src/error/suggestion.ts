import { closest, distance } from 'fastest-levenshtein';

/**
 * Returns the known word that a mistyped one probably means, or undefined if none is close.
 *
 * @example
 * suggestionFor('staus', ['status', 'version']); // 'status'
 * suggestionFor('colour', ['status', 'version']); // undefined
 */
export function suggestionFor(word: string, known: readonly string[]): string | undefined {
  if (word === '' || known.length === 0) return undefined;
  const nearest = closest(word.toLowerCase(), [...known]);
  // Two letters in five may differ, so that two swapped letters of a short word count as a slip.
  return distance(word.toLowerCase(), nearest) <= Math.max(1, Math.floor(nearest.length * 0.4)) ? nearest : undefined;
}

/** Returns `; did you mean "WORD"?`, or nothing if no known word is close. */
export function didYouMean(word: string, known: readonly string[]): string {
  const suggestion = suggestionFor(word, known);
  return suggestion === undefined ? '' : `; did you mean "${suggestion}"?`;
}
