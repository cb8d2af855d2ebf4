import { eastAsianWidth } from 'get-east-asian-width';

/** Replaces control characters, so that text from other programs cannot steer the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '�');
}

/** Latin-1, arrows, box drawing and the other characters of our own trees: one cell each. */
const singleCells = /^[\x20-\x7e\xa1-\xff\u2010-\u2027\u2190-\u21ff\u2500-\u259f\ufffd]*$/;

/** Made when it is first needed: it takes 16 ms. */
let segmenter: Intl.Segmenter | undefined;

/**
 * Returns how many cells of a terminal a text fills. East Asian wide characters and emoji fill two cells.
 *
 * @example
 * cellsOf('café'); // 4
 * cellsOf('東京'); // 4
 */
export function cellsOf(text: string): number {
  if (singleCells.test(text)) return text.length;
  return charactersOf(text).reduce((sum, character) => sum + cellsOfCharacter(character), 0);
}

/** Splits a text into what a person sees as characters, so that a cut never separates an accent from its letter. */
function charactersOf(text: string): string[] {
  segmenter ??= new Intl.Segmenter();
  return [...segmenter.segment(text)].map(({ segment }) => segment);
}

function cellsOfCharacter(character: string): number {
  if (/^[\p{Default_Ignorable_Code_Point}\p{M}]+$/u.test(character)) return 0;
  if (/\p{Extended_Pictographic}[\u200d\ufe0f]|\ufe0f\u20e3|^\p{Regional_Indicator}{2}/u.test(character)) return 2;
  return eastAsianWidth(character.codePointAt(0) ?? 0);
}

/** Pads a text at its end to a number of cells. */
export function padCells(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - cellsOf(text)));
}

/** Returns the longest beginning of a text that fits a number of cells, and at least its first character. */
function firstCells(text: string, cells: number): string {
  const [first = '', ...others] = charactersOf(text);
  let used = cellsOfCharacter(first);
  let beginning = first;
  for (const character of others) {
    used += cellsOfCharacter(character);
    if (used > cells) return beginning;
    beginning += character;
  }
  return beginning;
}

/** Shortens a text from its start to a number of cells, with `…` in front of what is left. */
export function cutStart(text: string, cells: number): string {
  if (cellsOf(text) <= cells) return text;
  const characters = charactersOf(text);
  let used = 1;
  let start = characters.length;
  while (start > 0 && used + cellsOfCharacter(characters[start - 1] ?? '') <= cells) {
    start--;
    used += cellsOfCharacter(characters[start] ?? '');
  }
  return `…${characters.slice(start).join('')}`;
}

/** Breaks a text into lines at its spaces. A word that is longer than a line is broken where the line ends. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && cellsOf(line) + 1 + cellsOf(word) <= width) {
      line += ` ${word}`;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (cellsOf(line) > width) {
      const first = firstCells(line, width);
      lines.push(first);
      line = line.slice(first.length);
    }
  }
  return [...lines, line];
}

const noteSeparator = ' · ';

/** Joins notes into one line, such as `grpc · attempt 2`. */
export function joinNotes(notes: readonly string[]): string {
  return notes.join(noteSeparator);
}

/**
 * Joins notes into as many lines as they need. A note that fits a line is never broken.
 *
 * @param width cells of a line
 */
export function wrapNotes(notes: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const note of notes) {
    const joined = joinNotes([...lines.slice(-1), note]);
    if (lines.length > 0 && cellsOf(joined) <= width) lines.splice(-1, 1, joined);
    else lines.push(...wrapWords(note, width));
  }
  return lines;
}
