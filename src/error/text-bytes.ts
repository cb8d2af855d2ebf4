const encoder = new TextEncoder();
const mostBytesOfCodeUnit = 3;

/**
 * Returns the longest beginning of a text that fits a number of bytes in UTF-8. It never splits a character.
 *
 * @example
 * firstBytes('naïve', 3); // 'na', because ï has two bytes
 */
export function firstBytes(text: string, bytes: number): string {
  if (text.length * mostBytesOfCodeUnit <= bytes) return text;
  return text.slice(0, encoder.encodeInto(text, new Uint8Array(bytes)).read);
}

/**
 * Decodes the first bytes of UTF-8 data. If the limit splits a character, the result ends before that character.
 * Bytes that are not UTF-8 become U+FFFD, as `Buffer.toString` does.
 */
export function decodeFirstBytes(data: Buffer, bytes: number): string {
  return data.subarray(0, characterStart(data, bytes)).toString();
}

/** Returns the limit, or the start of the character that the limit splits. */
function characterStart(data: Buffer, limit: number): number {
  if (data.length <= limit) return limit;
  for (let start = limit; start > limit - 4 && start >= 0; start--) {
    if (isContinuation(data[start])) continue;
    return start + lengthOfCharacter(data[start]) > limit ? start : limit;
  }
  return limit;
}

const isContinuation = (byte = 0): boolean => (byte & 0xc0) === 0x80;

function lengthOfCharacter(first = 0): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}
