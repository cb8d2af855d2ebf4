import protobuf from 'protobufjs/light.js';

/**
 * Number of a field that no message may declare: the numbers from 19000 are reserved for implementations of protobuf
 * (protobuf.dev, "Assigning Field Numbers"). Every client skips a field that it does not know.
 */
const fieldNumber = 19_000;
const lengthDelimited = 2;

/**
 * Encodes a text as a message of any type: it is in a field that the type does not declare.
 *
 * @example
 * unknownField('x'.repeat(10_000)); // a message of 10 KB
 */
export function unknownField(text: string): Buffer {
  const writer = protobuf.Writer.create();
  return Buffer.from(
    writer
      .uint32((fieldNumber << 3) | lengthDelimited)
      .string(text)
      .finish(),
  );
}
