import { MeshmockError } from '../error/meshmock-error.ts';

/**
 * Splits a command line into words as a POSIX shell does (sh(1), "Quoting"). It expands nothing.
 *
 * @throws MeshmockError `usage` when a quote is not closed
 * @example
 * splitWords(`curl -H 'end-user: jason' localhost`); // ['curl', '-H', 'end-user: jason', 'localhost']
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  const token = /\s+|\\\n|'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\]+)|(['"\\])/g;
  let word: string | undefined;
  for (const [text, single, double, escaped, plain, stray] of line.matchAll(token)) {
    if (stray !== undefined) throw new MeshmockError('usage', `a ${stray} in the command is not closed`);
    const part = single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? plain;
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
