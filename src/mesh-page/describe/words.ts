import type { Json } from '../../diff/pieces/json.ts';
import { pairsAt } from './fields.ts';

/** Joins texts with commas and a word. */
export function list(texts: readonly string[], word = 'and'): string {
  if (texts.length < 2) return texts[0] ?? 'nothing';
  return `${texts.slice(0, -1).join(', ')} ${word} ${texts.at(-1)}`;
}

/** Returns a number with a noun, such as `2 rules`. */
export function count(number: number | string, word: string): string {
  return `${number} ${word}${Number(number) === 1 ? '' : 's'}`;
}

/** Returns the labels in a field in words, such as `app=a and version=v1`. */
export function labelsText(part: Json, ...path: readonly string[]): string {
  const labels = pairsAt(part, ...path);
  return labels.length === 0 ? 'any labels' : list(labels.map(([name, value]) => `${name}=${value}`));
}
