/** Where in a text an error lies, and what would have been right there. */
export interface TextPlace {
  readonly text: string;
  /** Index into `text`, from 0 to its length. */
  readonly offset: number;
  /** What was expected at the offset, for a person to read; empty where nobody can say. */
  readonly expected: string;
}

const shownAround = 38;

/**
 * Draws two lines: the text around the offset, and a caret under the offset with what was expected.
 * Long texts are cut to what fits a terminal; characters that have no width of one are shown as `?`.
 */
export function caretLines({ text, offset, expected }: TextPlace): [string, string] {
  const from = Math.max(0, offset - shownAround);
  const to = Math.min(text.length, offset + shownAround);
  const before = from > 0 ? '…' : '';
  const after = to < text.length ? '…' : '';
  const shown = text.slice(from, to).replaceAll(/[^\x20-\x7e\xa1-\xff→]/g, '?');
  const caret = `${' '.repeat(before.length + offset - from)}^${expected === '' ? '' : ` expected ${expected}`}`;
  return [before + shown + after, caret];
}
