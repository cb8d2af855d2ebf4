import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFirstBytes, firstBytes } from '../../src/error/text-bytes.ts';
import fc from '../fast-check.ts';

test('A text within the limit stays as it is', () => {
  assert.equal(firstBytes('', 0), '');
  assert.equal(firstBytes('abc', 3), 'abc');
  assert.equal(firstBytes('naïve', 6), 'naïve');
  assert.equal(decodeFirstBytes(Buffer.from('naïve'), 6), 'naïve');
  assert.equal(decodeFirstBytes(Buffer.from('naïve'), 100), 'naïve');
});

test('A cut never splits a character of two, three or four bytes', () => {
  for (const [text, bytes, cut] of [
    ['abcd', 2, 'ab'],
    ['naïve', 3, 'na'],
    ['naïve', 4, 'naï'],
    ['a→b', 3, 'a'],
    ['a→b', 4, 'a→'],
    ['a😀b', 4, 'a'],
    ['a😀b', 5, 'a😀'],
    ['😀', 0, ''],
  ] as const) {
    assert.equal(firstBytes(text, bytes), cut, `${text} cut to ${bytes} bytes`);
    assert.equal(decodeFirstBytes(Buffer.from(text), bytes), cut, `data of ${text} cut to ${bytes} bytes`);
  }
});

test('Data that are not UTF-8 are cut at the limit', () => {
  assert.equal(decodeFirstBytes(Buffer.from([0x61, 0x80, 0x80, 0x80, 0x80, 0x80]), 5), 'a\ufffd\ufffd\ufffd\ufffd');
  assert.equal(decodeFirstBytes(Buffer.from([0x80, 0x80]), 1), '\ufffd');
});

test('Both ways to cut agree for every text and every limit, and give the longest beginning that fits', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (text, bytes) => {
      const cut = firstBytes(text, bytes);
      const next = [...text.slice(cut.length)][0];
      assert.ok(text.startsWith(cut));
      assert.ok(Buffer.byteLength(cut) <= bytes);
      assert.ok(next === undefined || Buffer.byteLength(cut + next) > bytes);
      assert.equal(decodeFirstBytes(Buffer.from(text), bytes), cut);
    }),
  );
});
