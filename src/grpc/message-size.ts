import { isAscii } from 'node:buffer';
import protobuf from 'protobufjs/light.js';
import type { JsonSize } from '../reply/json-scanner.ts';
import { messageType } from './schema.ts';

/** Messages in the fields of a message, by the number of the field. Fields of other types are absent. */
interface MessageFields {
  readonly messages: Map<number, MessageFields>;
}

const known = new Map<protobuf.Type, MessageFields>();

function fieldsOf(type: protobuf.Type): MessageFields {
  const before = known.get(type);
  if (before !== undefined) return before;
  const fields: MessageFields = { messages: new Map() };
  known.set(type, fields);
  for (const field of type.fieldsArray) {
    const { resolvedType } = field.resolve();
    if (resolvedType instanceof protobuf.Type) fields.messages.set(field.id, fieldsOf(resolvedType));
  }
  return fields;
}

const lengthDelimited = 2;
const fixedBytes: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

type MessageSize = Omit<JsonSize, 'nesting'>;

/**
 * Returns the size of an encoded reply: its bytes, and the number of values in it. A message of two bytes is a whole
 * object once it is decoded, so the bytes alone say little. Bytes that are not a reply are not counted further.
 *
 * @example
 * sizeOfReplyMessage(encodeReplyMessage({ service: 'a', status: 200 })); // { bytes: 6, values: 2, isAscii: true }
 */
export function sizeOfReplyMessage(message: Uint8Array): MessageSize {
  const reader = protobuf.Reader.create(message);
  const counts = { values: 0, isAscii: true };
  try {
    count(reader, reader.len, fieldsOf(messageType('meshmock.v1.Reply')), counts);
  } catch {
    // It is not a reply, and decoding it will fail at the same place.
  }
  return { bytes: message.length, ...counts };
}

function count(
  reader: protobuf.Reader,
  end: number,
  { messages }: MessageFields,
  counts: { values: number; isAscii: boolean },
): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const wireType = tag & 7;
    counts.values++;
    if (wireType === lengthDelimited) {
      const length = reader.uint32();
      const inner = messages.get(tag >>> 3);
      if (inner === undefined) {
        counts.isAscii &&= isAscii(reader.buf.subarray(reader.pos, reader.pos + length));
        reader.skip(length);
      } else {
        count(reader, Math.min(end, reader.pos + length), inner, counts);
      }
    } else if (wireType === 0) {
      reader.skip();
    } else {
      reader.skip(fixedBytes[wireType] ?? end - reader.pos);
    }
  }
}
