import { MeshmockError } from '../error/meshmock-error.ts';

/** Characters that structure a plan. Proxies and browsers may percent-encode them, which does not change their meaning. */
const structural = new Set('/@~,|:*[]();=<');

/** Position in the text of a plan. It decodes structural characters, but does not know the grammar. */
export class Cursor {
  readonly text: string;
  offset = 0;

  /** @throws MeshmockError `invalid_plan` if the text is not Unicode, so that it cannot be written as UTF-8 */
  constructor(text: string) {
    this.text = text;
    if (!text.isWellFormed())
      throw this.error('whole characters, not half of a surrogate pair', text.search(/\p{Cs}/u));
  }

  get atEnd(): boolean {
    return this.offset >= this.text.length;
  }

  /** Returns the character at an offset. A structural character is decoded. After the end, the result is empty. */
  peek(offset = this.offset): string {
    const char = this.text[offset] ?? '';
    if (char !== '%') return char;
    const decoded = decodeByte(this.text, offset);
    return decoded !== undefined && structural.has(decoded) ? decoded : char;
  }

  /** Returns the number of characters of the text that `peek` reads: 3 for an encoded character, else 1. */
  width(offset = this.offset): number {
    return this.text[offset] === '%' && this.peek(offset) !== '%' ? 3 : 1;
  }

  /** Moves past a structural character and returns true, if it is the next one. */
  take(char: string): boolean {
    if (this.peek() !== char) return false;
    this.offset += this.width();
    return true;
  }

  /** Moves past the characters that a sticky pattern matches here, and returns them. */
  takeWhile(pattern: RegExp): string {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.offset += found.length;
    return found;
  }

  /** Returns the offset after a prefix, or undefined if the text does not continue with the prefix. */
  offsetAfter(prefix: string): number | undefined {
    let offset = this.offset;
    for (const char of prefix) {
      if (this.peek(offset) !== char) return undefined;
      offset += this.width(offset);
    }
    return offset;
  }

  /**
   * Returns the value if it has no problem.
   *
   * @throws MeshmockError `invalid_plan`, with the problem as the expected text, at the offset
   */
  check<T>(value: T, problemOf: (value: T) => string | undefined, offset: number): T {
    const problem = problemOf(value);
    if (problem !== undefined) throw this.error(problem, offset);
    return value;
  }

  /** Returns an error for a plan that exceeds a limit. The offset is that of the cursor by default. */
  limitError(expected: string, offset = this.offset): MeshmockError {
    return new MeshmockError('limit_exceeded', `at offset ${offset}: the plan exceeds a limit: expected ${expected}`, {
      place: { text: this.text, offset, expected },
    });
  }

  /** Returns the structural character at an offset, or the text up to the next one. */
  private wordAt(offset: number): string {
    const [word = this.text[offset] ?? ''] =
      /^[^/@~,|:*[\]();?#]{1,30}/.exec(this.text.slice(offset, offset + 30)) ?? [];
    return word;
  }

  /**
   * Returns an error with the expected and the found text.
   *
   * @param offset place of the error, by default that of the cursor
   * @param hint end of the message, such as a suggestion
   */
  error(expected: string, offset = this.offset, hint = ''): MeshmockError {
    const found = offset < this.text.length ? JSON.stringify(this.wordAt(offset)) : 'the end';
    return new MeshmockError('invalid_plan', `at offset ${offset}: expected ${expected}, found ${found}${hint}`, {
      place: { text: this.text, offset, expected },
    });
  }
}

/** Decodes `%XX` at an offset into an ASCII character, or returns undefined if it encodes none. */
export function decodeByte(text: string, offset: number): string | undefined {
  const hex = text.slice(offset + 1, offset + 3);
  if (!/^[0-7][0-9a-fA-F]$/.test(hex)) return undefined;
  return String.fromCharCode(Number.parseInt(hex, 16));
}

/** Decodes the percent-encoded structural characters of a text. Other characters stay encoded. */
export function decodeStructure(text: string): string {
  return text.replaceAll(/%[0-7][0-9a-fA-F]/g, (encoded) => {
    const char = decodeByte(encoded, 0) ?? encoded;
    return structural.has(char) ? char : encoded;
  });
}
