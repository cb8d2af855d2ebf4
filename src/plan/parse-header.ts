import { type Cursor, decodeByte } from './cursor.ts';
import { headerNameProblem, headerValueProblem } from './fields.ts';
import type { Header } from './plan.ts';

/**
 * Parses `[name=value]` at the cursor. Everything up to the closing bracket is data.
 *
 * A plain bracket is closed by a plain one only, so a value can contain `%5D`. An encoded opening bracket, which comes
 * from a proxy, is closed by an encoded or a plain one.
 *
 * @param nameProblem check of the name
 * @param valueProblem check of the value
 * @throws MeshmockError `invalid_plan`
 */
export function parseHeader(
  cursor: Cursor,
  nameProblem = headerNameProblem,
  valueProblem = headerValueProblem,
): Header {
  const { text, offset: start } = cursor;
  const encoded = cursor.width() === 3;
  const from = start + cursor.width();
  const end = encoded ? findEncodedEnd(text, from) : text.indexOf(']', from);
  if (end < 0) throw cursor.error('"]" to close the bracket that opens here', start);
  const data = text.slice(from, end);
  const equals = /=|%3d/i.exec(data);
  if (equals === null) throw cursor.error('"=" between the header\'s name and its value', end);
  const name = data.slice(0, equals.index).toLowerCase();
  cursor.check(name, nameProblem, from);
  const valueAt = from + equals.index + equals[0].length;
  const value = decodePercent(cursor, valueAt, end);
  cursor.check(value, (text) => valueProblem(name, text), valueAt);
  cursor.offset = end + (text[end] === ']' ? 1 : 3);
  return { name, value };
}

function findEncodedEnd(text: string, from: number): number {
  const found = text.slice(from).search(/\]|%5d/i);
  return found < 0 ? -1 : from + found;
}

/**
 * Decodes all percent-encoded characters of a part of the text.
 *
 * @throws MeshmockError `invalid_plan` at a `%` that does not encode a byte, or at a part that is not UTF-8
 */
export function decodePercent(cursor: Cursor, from: number, end: number): string {
  const part = cursor.text.slice(from, end);
  const bad = part.search(/%(?![0-9a-fA-F]{2})/);
  if (bad >= 0) throw cursor.error('two hexadecimal digits after "%"; write a "%" as %25', from + bad + 1);
  if (!/%[89a-fA-F]/.test(part)) return part.replaceAll(/%../g, (byte) => decodeByte(byte, 0) ?? byte);
  try {
    return decodeURIComponent(part);
  } catch {
    throw cursor.error('percent-encoded UTF-8', from);
  }
}
