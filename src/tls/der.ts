/** Values of ASN.1 in their distinguished encoding (ITU-T X.690), as far as a certificate needs them. */

const constructed = 0x20;
const contextSpecific = 0x80;

function value(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), length(content.length), content]);
}

function length(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.from([bytes]);
  const digits = bytes < 0x1_00 ? [bytes] : [bytes >> 8, bytes & 0xff];
  return Buffer.from([0x80 | digits.length, ...digits]);
}

export const boolean = (truth: boolean): Buffer => value(0x01, Buffer.from([truth ? 0xff : 0]));
export const integer = (bytes: Buffer): Buffer => value(0x02, bytes);
export const bits = (bytes: Buffer): Buffer => value(0x03, Buffer.from([0]), bytes);
export const octets = (bytes: Buffer): Buffer => value(0x04, bytes);
export const utf8 = (text: string): Buffer => value(0x0c, Buffer.from(text));
export const sequence = (...parts: readonly Buffer[]): Buffer => value(0x10 | constructed, ...parts);
export const set = (...parts: readonly Buffer[]): Buffer => value(0x11 | constructed, ...parts);

/** Encodes a time of the years 1950 to 2049. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return value(0x17, Buffer.from(digits.slice(2)));
}

/** Encodes a value with a tag of its context. */
export function context(tag: number, content: Buffer, isPrimitive = false): Buffer {
  return value(contextSpecific | (isPrimitive ? 0 : constructed) | tag, content);
}

/** Encodes an object identifier in the notation with dots. */
export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return value(0x06, Buffer.from([40 * first + second, ...rest.flatMap(base128)]));
}

function base128(arc: number): number[] {
  const digits = [arc & 0x7f];
  for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift(0x80 | (left & 0x7f));
  return digits;
}
