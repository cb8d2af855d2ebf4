import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { JsonScanner, type JsonSize } from '../../src/reply/json-scanner.ts';
import fc from '../fast-check.ts';

/** Scans bytes in chunks of a size. */
function scan(bytes: Buffer, chunkBytes = bytes.length || 1): JsonSize | undefined {
  const scanner = new JsonScanner();
  let isRight = true;
  for (let from = 0; from < bytes.length; from += chunkBytes)
    isRight = scanner.add(bytes.subarray(from, from + chunkBytes));
  const size = scanner.size();
  assert.equal(isRight || size === undefined, true);
  return size;
}

/** Reports whether the engine finds a JSON object in bytes that are UTF-8. */
function isObject(bytes: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ noUnicodeString: false }));

suite('JsonScanner', () => {
  test('accepts every object that JSON.stringify writes, in chunks of any size', () => {
    fc.assert(
      fc.property(object, fc.integer({ min: 1, max: 40 }), fc.constantFrom(undefined, 2), (value, chunk, indent) => {
        const bytes = Buffer.from(JSON.stringify(value, undefined, indent));
        assert.equal(scan(bytes, chunk)?.bytes, bytes.length);
      }),
    );
  });

  test('agrees with JSON.parse on objects in which some bytes are changed', () => {
    const change = fc.tuple(
      fc.nat(),
      fc.oneof(fc.constantFrom(...Buffer.from('{}[]",:\\-+.0e1tfn u')), fc.integer({ min: 0, max: 255 })),
    );
    fc.assert(
      fc.property(object, fc.array(change, { minLength: 1, maxLength: 4 }), (value, changes) => {
        const bytes = Buffer.from(JSON.stringify(value));
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        assert.equal(scan(bytes) !== undefined, isObject(bytes), bytes.toString('latin1'));
      }),
      { numRuns: 1000 },
    );
  });

  const texts: [text: string, isRight: boolean][] = [
    ['{}', true],
    ['{"a":"b","c":["d","e",["f"]],"g":"h"}', true],
    ['{"a":"b":"c"}', false],
    ['{"a","b":"c"}', false],
    ['{"a":["b":"c"]}', false],
    ['{"a":"b",["c"]}', false],
    [' {"a": [1, -0, 0.5e+10, true, false, null, "\\u00e9\\n", {}, []]} \n', true],
    ['{"a":1}x', false],
    ['{"a":1', false],
    ['', false],
    ['[]', false],
    ['"a"', false],
    ['{"a":01}', false],
    ['{"a":1.}', false],
    ['{"a":.5}', false],
    ['{"a":+1}', false],
    ['{"a":1e}', false],
    ['{"a":tru}', false],
    ['{"a":nulll}', false],
    ['{"a":"\\x"}', false],
    ['{"a":"\\u12g4"}', false],
    ['{"a":"\t"}', false],
    ['{"a" 1}', false],
    ['{"a":1,}', false],
    ['{,}', false],
    ['{a:1}', false],
    ['{"a":[1,]}', false],
    ['{"a":[}', false],
    ['{"a":{]}', false],
  ];
  for (const [text, isRight] of texts) {
    test(`${isRight ? 'accepts' : 'refuses'} ${JSON.stringify(text)}`, () => {
      assert.equal(scan(Buffer.from(text)) !== undefined, isRight);
      assert.equal(scan(Buffer.from(text), 1) !== undefined, isRight);
    });
  }

  test('counts at least the values of a text, and knows its nesting and its characters', () => {
    assert.deepEqual(scan(Buffer.from('{"a":[[],{}],"b":1}')), { bytes: 19, values: 10, nesting: 3, isAscii: true });
    for (const text of ['{"a":"é"}', '{"a":"\\u00e9"}', '{"é":1}'])
      assert.equal(scan(Buffer.from(text))?.isAscii, false, text);
    assert.equal(scan(Buffer.from('{"a":"\\n\\""}'))?.isAscii, true);
  });

  test('refuses a nesting that would take the stack of programs that read it', () => {
    const nested = (depth: number): Buffer => Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`);
    assert.equal(scan(nested(1000))?.nesting, 1001);
    assert.equal(scan(nested(2000)), undefined);
  });
});
