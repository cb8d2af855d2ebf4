import { MeshmockError } from '../../error/meshmock-error.ts';

/** Escape sequence within `$'…'`. */
const escapeSequence = /\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|([\s\S]))/g;
const controlCharacters: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function characterOf(_sequence: string, byte?: string, codePoint?: string, letter = ''): string {
  const hexadecimal = byte ?? codePoint;
  if (hexadecimal !== undefined) return String.fromCodePoint(Number.parseInt(hexadecimal, 16));
  return controlCharacters[letter] ?? letter;
}

/**
 * Splits a command line into words as a POSIX shell does (POSIX, XCU 2.2 "Quoting"). It expands nothing.
 *
 * @throws MeshmockError `usage` when a quote is not closed
 * @example
 * splitWords(`curl -H 'end-user: jason' localhost`); // ['curl', '-H', 'end-user: jason', 'localhost']
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  const token =
    /\s+|\\\n|\$'((?:[^'\\]|\\[\s\S])*)'|'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|((?:[^\s'"\\$]|\$(?!'))+)|(['"\\]|\$(?='))/g;
  let word: string | undefined;
  for (const [text, dollar, single, double, escaped, plain, stray] of line.matchAll(token)) {
    if (stray !== undefined) throw new MeshmockError('usage', `a ${stray} in the command is not closed`);
    const part =
      dollar?.replaceAll(escapeSequence, characterOf) ??
      single ??
      double?.replaceAll(/\\(["\\$`])/g, '$1') ??
      escaped ??
      plain;
    if (part !== undefined) {
      word = (word ?? '') + part;
    } else if (word !== undefined && text !== '\\\n') {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}

/** Quotes a word so that a POSIX shell passes it on unchanged. */
export function quoteWord(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
