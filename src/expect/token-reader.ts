import { MeshmockError } from '../error/meshmock-error.ts';
import { type Token, tokensOf } from './tokens.ts';

/** Reader of an expectation, word by word. */
export class TokenReader {
  readonly text: string;
  private readonly tokens: readonly Token[];
  index = 0;

  constructor(text: string) {
    this.text = text;
    this.tokens = tokensOf(text);
  }

  /** Returns the word at the current place, or some words further on; undefined after the end. */
  peek(ahead = 0): string | undefined {
    return this.tokens[this.index + ahead]?.text;
  }

  /** Moves past one of the known words, and returns it. @throws MeshmockError `usage` */
  oneOf<T extends string>(known: readonly T[], shown: readonly string[] = known): T {
    const found = known.find((text) => text === this.peek());
    if (found === undefined) throw this.fail(`one of ${shown.join(', ')}`);
    this.index++;
    return found;
  }

  /** Moves past a part of the text that need not be one word. Returns undefined if the text does not match here. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    const from = this.tokens[this.index]?.offset ?? this.text.length;
    const match = new RegExp(pattern.source, 'y');
    match.lastIndex = from;
    const found = match.exec(this.text);
    if (found === null) return undefined;
    const end = from + found[0].length;
    const next = this.tokens.findIndex(({ offset }) => offset >= end);
    this.index = next === -1 ? this.tokens.length : next;
    return found;
  }

  /** Returns the error that something else is expected at a word. */
  fail(expected: string, index = this.index): MeshmockError {
    const token = this.tokens[index];
    const offset = token?.offset ?? this.text.length;
    const found = token === undefined ? 'the end' : `"${token.text}"`;
    return new MeshmockError('usage', `at offset ${offset}: expected ${expected}, found ${found}`, {
      place: { text: this.text, offset, expected },
    });
  }
}
