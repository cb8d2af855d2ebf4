/** Part of a text that is too long to be copied into it. */
export interface LongPart {
  readonly byteLength: number;
  /** Memory that the part takes, in bytes. */
  readonly heldBytes: number;
  chunks(): Iterable<Buffer>;
}

/** Size from which a part is long, in bytes. */
export const longPartBytes = 16 * 1024;

/** Text that is sent in parts, and never joined. */
export class PartedText {
  readonly parts: readonly Buffer[];
  readonly byteLength: number;
  /** Memory that the text takes, in bytes. */
  readonly heldBytes: number;

  constructor(parts: readonly Buffer[], heldBytes: number) {
    this.parts = parts;
    this.byteLength = parts.reduce((sum, { length }) => sum + length, 0);
    this.heldBytes = heldBytes;
  }
}

/** Number of copies of a text until it is sent: the text, and its bytes in the buffer of the socket. */
export const copiesOfText = 2;

/** Returns the memory that a body takes until it is sent, in bytes. */
export function heldBytesOf(body: string | Buffer | PartedText): number {
  if (typeof body === 'string') return copiesOfText * body.length;
  return body instanceof PartedText ? body.heldBytes : body.length;
}

/** Stands for a long part while a text is made. Clients never see it, so none can send it. */
const placeholder = /* @__PURE__ */ crypto.randomUUID();

/**
 * Long parts of a text, in their order. While the text is made, placeholders stand for them.
 *
 * @example
 * const parts = new LongParts();
 * const text = JSON.stringify({ body: parts.add(new FilledText(10_000_000)) });
 * parts.insertInto(text); // three parts, although the text has 10 MB
 */
export class LongParts {
  private readonly parts: LongPart[] = [];

  /** Adds a part, and returns its placeholder. */
  add(part: LongPart): string {
    this.parts.push(part);
    return placeholder;
  }

  /** Replaces the placeholders of a text by their parts. */
  insertInto(text: string): string | PartedText {
    if (this.parts.length === 0) return text;
    const chunks = text.split(placeholder).flatMap((own, index) => {
      const part = this.parts[index];
      return [Buffer.from(own), ...(part === undefined ? [] : part.chunks())];
    });
    return new PartedText(
      chunks,
      this.parts.reduce((sum, { heldBytes }) => sum + heldBytes, text.length),
    );
  }
}

// Both constants are pure, so that a program for browsers, which have no Buffer, can leave them out.
const filler = /* @__PURE__ */ Buffer.alloc(65_536, 'x');

/** Text of one repeated character, for `~size`. Its memory does not depend on its size. */
export class FilledText implements LongPart {
  readonly heldBytes = 0;
  readonly byteLength: number;

  constructor(byteLength: number) {
    this.byteLength = byteLength;
  }

  *chunks(): Iterable<Buffer> {
    for (let left = this.byteLength; left > 0; left -= filler.length) yield filler.subarray(0, left);
  }

  toString(): string {
    return 'x'.repeat(this.byteLength);
  }
}
