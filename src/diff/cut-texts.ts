/** Characters before the first difference of two long texts. */
const commonCharacters = 8;

/** Shortens a text to a number of characters. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/**
 * Shortens two texts to the part where they differ.
 *
 * @example cutBoth('the same start, one', 'the same start, two', 12); // ['… start, one', '… start, two']
 */
export function cutBoth(old: string, recent: string, most: number): [string, string] {
  if (Math.max(old.length, recent.length) <= most) return [old, recent];
  const differs = [...old].findIndex((character, index) => character !== recent[index]);
  const start = Math.max(0, (differs === -1 ? old.length : differs) - commonCharacters);
  const part = (text: string): string => cut(start === 0 ? text : `…${text.slice(start)}`, most);
  return [part(old), part(recent)];
}
