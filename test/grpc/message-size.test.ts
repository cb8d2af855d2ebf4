import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { encodeReplyMessage } from '../../src/grpc/codec.ts';
import { sizeOfReplyMessage } from '../../src/grpc/message-size.ts';

suite('sizeOfReplyMessage', () => {
  test('counts a message of two bytes as a value, at any depth', () => {
    const emptyCall = [0x72, 0];
    const calls = Buffer.from(Array.from({ length: 1000 }, () => emptyCall).flat());
    assert.deepEqual(sizeOfReplyMessage(calls), { bytes: 2000, values: 1000, isAscii: true });
    // Field 14 of a Reply is `calls`, and field 10 of a CallResult is `reply`.
    const reply = Buffer.concat([Buffer.from([0x52, 100]), calls.subarray(0, 100)]);
    const nested = Buffer.concat([Buffer.from([0x72, reply.length]), reply]);
    assert.equal(sizeOfReplyMessage(nested).values, 52);
  });

  test('counts a long text as one value', () => {
    const message = encodeReplyMessage({ service: 'a', status: 200, body: 'x'.repeat(100_000) });
    assert.deepEqual(sizeOfReplyMessage(message), { bytes: message.length, values: 3, isAscii: true });
  });

  test('knows whether the texts are in ASCII', () => {
    const message = encodeReplyMessage({ service: 'é', status: 200 });
    assert.equal(sizeOfReplyMessage(message).isAscii, false);
  });

  test('does not fail for bytes that are not a reply', () => {
    for (const bytes of [[], [0x72], [0x72, 0x7f, 1], [0xff], [0x73, 0], [0x08, 0xff]])
      assert.ok(sizeOfReplyMessage(Buffer.from(bytes)).values <= 2, String(bytes));
  });
});
