/** Place of an error in a text. */
export interface TextPlace {
  readonly text: string;
  /** Index into `text`, from 0 to its length. */
  readonly offset: number;
  /** Description of a text that would be right at the offset. Empty if unknown. */
  readonly expected: string;
}

/** Place in a file: the line, and the offset in it. */
export interface SourcePlace {
  /** The place as `FILE:LINE:COLUMN`. */
  readonly where: string;
  readonly text: string;
  readonly offset: number;
}

/** Number of characters that are shown on each side of the offset. */
const shownCharacters = 38;

/**
 * Draws two lines: the text around the offset, and a caret under the offset with the expected text.
 * Long texts are cut to fit a terminal. Characters that may not fill one cell of a terminal are shown as `?`.
 *
 * @example
 * caretLines({ text: '/@a:x/', offset: 4, expected: 'a port' });
 * // ['/@a:x/', '    ^ expected a port']
 */
export function caretLines({ text, offset, expected }: TextPlace): [string, string] {
  const from = Math.max(0, offset - shownCharacters);
  const to = Math.min(text.length, offset + shownCharacters);
  const before = from > 0 ? '…' : '';
  const after = to < text.length ? '…' : '';
  const shown = text.slice(from, to).replaceAll(/[^\x20-\x7e\xa1-\xff→]/g, '?');
  const caret = `${' '.repeat(before.length + offset - from)}^${expected === '' ? '' : ` expected ${expected}`}`;
  return [before + shown + after, caret];
}
