export function list(texts: readonly string[], word = 'and'): string {
  if (texts.length < 2) return texts[0] ?? 'nothing';
  return `${texts.slice(0, -1).join(', ')} ${word} ${texts.at(-1)}`;
}

/** Returns a number with a noun. */
export function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
