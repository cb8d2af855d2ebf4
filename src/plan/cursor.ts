import { MeshmockError } from '../error/meshmock-error.ts';

/** Characters that shape a plan. Percent-encoded they mean the same: proxies and browsers encode them. */
const structural = new Set('/@~,|:*[]();=<');

/** A place in the text of a plan. Knows percent-encoded structure, knows nothing of the grammar. */
export class Cursor {
  readonly text: string;
  offset = 0;

  constructor(text: string) {
    this.text = text;
  }

  get atEnd(): boolean {
    return this.offset >= this.text.length;
  }

  /** The character at an offset, an encoded structural one decoded; empty behind the end. */
  peek(offset = this.offset): string {
    const char = this.text[offset] ?? '';
    if (char !== '%') return char;
    const decoded = decodeByte(this.text, offset);
    return decoded !== undefined && structural.has(decoded) ? decoded : char;
  }

  /** How many characters of the text `peek` looked at. */
  width(offset = this.offset): number {
    return this.text[offset] === '%' && this.peek(offset) !== '%' ? 3 : 1;
  }

  /** Steps over one structural character if it stands here. */
  take(char: string): boolean {
    if (this.peek() !== char) return false;
    this.offset += this.width();
    return true;
  }

  /** Steps over all characters that the pattern (sticky) matches, none if it does not match. */
  takeWhile(pattern: RegExp): string {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.offset += found.length;
    return found;
  }

  /** The offset behind the prefix if the text goes on with these characters here, else undefined. */
  offsetAfter(prefix: string): number | undefined {
    let offset = this.offset;
    for (const char of prefix) {
      if (this.peek(offset) !== char) return undefined;
      offset += this.width(offset);
    }
    return offset;
  }

  /** The value itself, unless there is a problem with it: then that is what was expected at the offset. */
  check<T>(value: T, problemOf: (value: T) => string | undefined, offset: number): T {
    const problem = problemOf(value);
    if (problem !== undefined) throw this.error(problem, offset);
    return value;
  }

  /** An error at an offset, by default here: what a plan may ask for at most. */
  limitError(expected: string, offset = this.offset): MeshmockError {
    return new MeshmockError(
      'limit_exceeded',
      `at offset ${offset}: the plan asks for too much: expected ${expected}`,
      {
        place: { text: this.text, offset, expected },
      },
    );
  }

  /** What a person sees at an offset: the character that shapes the plan there, or all up to the next. */
  private wordAt(offset: number): string {
    const [word = this.text[offset] ?? ''] =
      /^[^/@~,|:*[\]();?#]{1,30}/.exec(this.text.slice(offset, offset + 30)) ?? [];
    return word;
  }

  /** An error at an offset, by default here: what was expected there, and what was found. */
  error(expected: string, offset = this.offset): MeshmockError {
    const found = offset < this.text.length ? JSON.stringify(this.wordAt(offset)) : 'the end';
    return new MeshmockError('invalid_plan', `at offset ${offset}: expected ${expected}, found ${found}`, {
      place: { text: this.text, offset, expected },
    });
  }
}

/** Decodes `%XX` into one character of ASCII; undefined if it is none. */
export function decodeByte(text: string, offset: number): string | undefined {
  const hex = text.slice(offset + 1, offset + 3);
  if (!/^[0-7][0-9a-fA-F]$/.test(hex)) return undefined;
  return String.fromCharCode(Number.parseInt(hex, 16));
}

/** Decodes the percent-encoded structural characters of a text, leaves all else as it is. */
export function decodeStructure(text: string): string {
  return text.replaceAll(/%[0-7][0-9a-fA-F]/g, (encoded) => {
    const char = decodeByte(encoded, 0) ?? encoded;
    return structural.has(char) ? char : encoded;
  });
}
