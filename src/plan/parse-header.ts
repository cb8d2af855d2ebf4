import { type Cursor, decodeByte } from './cursor.ts';
import { headerNameProblem, headerValueProblem } from './fields.ts';
import type { Header } from './plan.ts';

/**
 * Reads `[name=value]`: up to the closing bracket all is data. A bracket that a proxy encoded is closed by
 * an encoded one, or by a plain one; a plain bracket by a plain one only, so that `%5D` can stand in a value.
 *
 * @throws MeshmockError `invalid_plan`
 */
export function parseHeader(cursor: Cursor): Header {
  const { text, offset: start } = cursor;
  const encoded = cursor.width() === 3;
  const from = start + cursor.width();
  const end = encoded ? findEncodedEnd(text, from) : text.indexOf(']', from);
  if (end < 0) throw cursor.error('"]" to close the bracket that opens here', start);
  const data = text.slice(from, end);
  const equals = /=|%3d/i.exec(data);
  if (equals === null) throw cursor.error('"=" between the header\'s name and its value', end);
  const name = data.slice(0, equals.index).toLowerCase();
  cursor.check(name, headerNameProblem, from);
  const valueAt = from + equals.index + equals[0].length;
  const value = decodePercent(cursor, valueAt, end);
  cursor.check(value, (text) => headerValueProblem(name, text), valueAt);
  cursor.offset = end + (text[end] === ']' ? 1 : 3);
  return { name, value };
}

function findEncodedEnd(text: string, from: number): number {
  const found = text.slice(from).search(/\]|%5d/i);
  return found < 0 ? -1 : from + found;
}

/**
 * Decodes all percent-encoding of a part of the text.
 *
 * @throws MeshmockError `invalid_plan` at a `%` that encodes nothing, or at the part if it is no UTF-8
 */
export function decodePercent(cursor: Cursor, from: number, end: number): string {
  const part = cursor.text.slice(from, end);
  const bad = part.search(/%(?![0-9a-fA-F]{2})/);
  if (bad >= 0) throw cursor.error('two hexadecimal digits behind "%" (a "%" itself is written %25)', from + bad + 1);
  if (!/%[89a-fA-F]/.test(part)) return part.replaceAll(/%../g, (byte) => decodeByte(byte, 0) ?? byte);
  try {
    return decodeURIComponent(part);
  } catch {
    throw cursor.error('percent-encoded UTF-8', from);
  }
}
