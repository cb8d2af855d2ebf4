/** Types of fields (protobuf, "Message Structure"). */
const varint = 0;
const fixed64 = 1;
const delimited = 2;
const fixed32 = 5;

/** Bytes of a length. Small lengths need fewer, but then their size would have to be known first: decoders accept both. */
const lengthBytes = 4;

/** Bytes of a field besides its content, at most: the tag, and a length or a number. */
const maxFieldBytes = 16;

/** Bytes of one character in UTF-8, at most. */
const maxCharacterBytes = 3;

/** Writer of protobuf messages in one pass, into one buffer. */
export class MessageWriter {
  private buffer = Buffer.allocUnsafeSlow(64 * 1024);
  private view = new DataView(this.buffer.buffer);
  private at = 0;

  clear(): void {
    this.at = 0;
  }

  /** Number of bytes that are written. */
  get position(): number {
    return this.at;
  }

  /** Returns a copy of the bytes since a position. */
  copy(from = 0): Uint8Array {
    return new Uint8Array(this.buffer.subarray(from, this.at));
  }

  /** Begins a message in a field. Returns where it begins, for `end`. */
  begin(field: number): number {
    this.tag(field, delimited, lengthBytes);
    this.at += lengthBytes;
    return this.at;
  }

  /** Ends a message. */
  end(start: number): void {
    this.length(start - lengthBytes, this.at - start);
  }

  text(field: number, text: string): void {
    this.tag(field, delimited, lengthBytes + maxCharacterBytes * text.length);
    const bytes = this.buffer.write(text, this.at + lengthBytes);
    this.length(this.at, bytes);
    this.at += lengthBytes + bytes;
  }

  hex(field: number, hex: string): void {
    this.tag(field, delimited, hex.length);
    this.buffer[this.at] = hex.length / 2;
    this.at += 1 + this.buffer.write(hex, this.at + 1, 'hex');
  }

  /** Writes an integer of 64 bits. */
  integer(field: number, value: number): void {
    this.tag(field, varint);
    if (value >= 0 && value < 0x80) {
      this.buffer[this.at++] = value;
      return;
    }
    let left = BigInt.asUintN(64, BigInt(value));
    for (; left > 0x7fn; left >>= 7n) this.buffer[this.at++] = Number(left & 0x7fn) | 0x80;
    this.buffer[this.at++] = Number(left);
  }

  fixed32(field: number, value: number): void {
    this.tag(field, fixed32);
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  fixed64(field: number, value: bigint): void {
    this.tag(field, fixed64);
    this.view.setBigUint64(this.at, value, true);
    this.at += 8;
  }

  double(field: number, value: number): void {
    this.tag(field, fixed64);
    this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  /** Writes fields that are encoded already. */
  bytes(encoded: Uint8Array): void {
    this.makeRoom(encoded.length);
    this.buffer.set(encoded, this.at);
    this.at += encoded.length;
  }

  /** Writes the tag of a field, and makes room for its content. */
  private tag(field: number, type: number, bytes = 0): void {
    this.makeRoom(maxFieldBytes + bytes);
    const tag = (field << 3) | type;
    if (tag < 0x80) {
      this.buffer[this.at++] = tag;
    } else {
      this.buffer[this.at++] = (tag & 0x7f) | 0x80;
      this.buffer[this.at++] = tag >> 7;
    }
  }

  private length(at: number, bytes: number): void {
    const { buffer } = this;
    buffer[at] = (bytes & 0x7f) | 0x80;
    buffer[at + 1] = ((bytes >> 7) & 0x7f) | 0x80;
    buffer[at + 2] = ((bytes >> 14) & 0x7f) | 0x80;
    buffer[at + 3] = bytes >> 21;
  }

  private makeRoom(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.at + bytes));
    larger.set(this.buffer.subarray(0, this.at));
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }
}

/**
 * Splits a message all of whose fields begin with their length.
 *
 * @returns the fields other than one, and the content of this one
 */
export function withoutField(message: Uint8Array, field: number): { others: Uint8Array[]; content: Uint8Array } {
  const others: Uint8Array[] = [];
  let content = new Uint8Array();
  let at = 0;
  while (at < message.length) {
    const start = at;
    const tag = message[at++] ?? 0;
    let length = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = message[at++] ?? 0;
      length |= (byte & 0x7f) << shift;
      more = byte > 0x7f;
    }
    at += length;
    if (tag === ((field << 3) | delimited)) content = message.slice(at - length, at);
    else others.push(message.slice(start, at));
  }
  return { others, content };
}
