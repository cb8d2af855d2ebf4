import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import protobuf from 'protobufjs';
import { decodeJson, encodeJson } from '../../src/grpc/messages/message-json.ts';

const root = protobuf.parse(
  `syntax = "proto3";
  import "google/protobuf/duration.proto";
  message All {
    int32 i32 = 1; uint32 u32 = 2; sint32 s32 = 3; fixed32 f32 = 4; sfixed32 sf32 = 5;
    int64 i64 = 6; uint64 u64 = 7; sint64 s64 = 8; fixed64 f64 = 9; sfixed64 sf64 = 10;
    float small = 11; double large = 12; Kind kind = 13; map<int32, string> names = 14;
    google.protobuf.Int32Value number = 15; google.protobuf.DoubleValue price = 16;
    google.protobuf.Int64Value count = 17;
    google.protobuf.Duration within = 18; google.protobuf.Timestamp at = 19;
    oneof choice { string left_side = 20; string right_side = 21; }
  }
  enum Kind { NONE = 0; }`,
  new protobuf.Root(),
  { keepCase: true },
).root;
for (const name of ['duration', 'timestamp', 'wrappers'])
  root.addJSON(protobuf.common.get(`google/protobuf/${name}.proto`)?.nested ?? {});
root.resolveAll();
const all = root.lookupType('All');

const roundTrip = (json: string): unknown => JSON.parse(decodeJson(all, encodeJson(all, json)));

const signed32 = 'a whole number from -2147483648 to 2147483647';
const unsigned32 = 'a whole number from 0 to 4294967295';
const signed64 = 'a whole number from -9223372036854775808 to 9223372036854775807';
const unsigned64 = 'a whole number from 0 to 18446744073709551615';

suite('The JSON of a message', () => {
  test('has the bounds of each type of number', () => {
    for (const json of [
      { i32: -2147483648, u32: 4294967295, s32: 2147483647, f32: 4294967295, sf32: -2147483648 },
      { i64: '-9223372036854775808', u64: '18446744073709551615', s64: '9223372036854775807' },
      { f64: '18446744073709551615', sf64: '-9223372036854775808', names: { '-5': 'x' } },
      { small: 3.4028234663852886e38, large: -1.7976931348623157e308 },
      { small: 'NaN', large: '-Infinity', number: -2147483648, price: 'NaN', count: '9007199254740993' },
    ])
      assert.deepEqual(roundTrip(JSON.stringify(json)), json);
  });

  for (const [json, expected] of [
    ['{"i32":3000000000}', `i32: expected ${signed32}`],
    ['{"s32":-2147483649}', `s32: expected ${signed32}`],
    ['{"sf32":2147483648}', `sf32: expected ${signed32}`],
    ['{"u32":-5}', `u32: expected ${unsigned32}`],
    ['{"f32":4294967296}', `f32: expected ${unsigned32}`],
    ['{"i64":"99999999999999999999"}', `i64: expected ${signed64}`],
    ['{"s64":"9223372036854775808"}', `s64: expected ${signed64}`],
    ['{"u64":"-1"}', `u64: expected ${unsigned64}`],
    ['{"f64":"18446744073709551616"}', `f64: expected ${unsigned64}`],
    [
      '{"i64":9007199254740993}',
      'i64: expected quotes around a number above 9007199254740991, or it would lose digits',
    ],
    ['{"i32":[1]}', 'i32: expected a whole number'],
    ['{"large":[1]}', 'large: expected a number'],
    ['{"large":1e999}', 'large: expected a double, which is smaller'],
    ['{"small":1e39}', 'small: expected a float, which is smaller'],
    ['{"large":"infinity"}', 'large: expected a number'],
    ['{"kind":3000000000}', 'kind: expected one of NONE'],
    ['{"names":{"a":"x"}}', 'names.a: expected a whole number as the key'],
    ['{"number":"abc"}', 'number: expected a whole number'],
    ['{"number":3000000000}', `number: expected ${signed32}`],
    ['{"leftSide":"l","rightSide":"r"}', 'rightSide: excludes leftSide, which the message also has'],
    ['{"leftSide":"l","left_side":"r"}', 'left_side: excludes leftSide, which the message also has'],
    ['{"within":"315576000001s"}', 'within: expected an object of the type google.protobuf.Duration'],
    ['{"at":"2026-02-31T00:00:00Z"}', 'at: expected an object of the type google.protobuf.Timestamp'],
    ['{"at":"1 Z"}', 'at: expected an object of the type google.protobuf.Timestamp'],
  ] as const)
    test(`is refused instead of becoming another value: ${json}`, () => {
      assert.throws(() => encodeJson(all, json), { code: 'bad_request', message: expected });
    });

  test('may have null for the other field of a oneof', () => {
    assert.deepEqual(roundTrip('{"leftSide":"l","rightSide":null}'), { leftSide: 'l' });
  });

  test('has the value of a wrapper, also if it is the default', () => {
    assert.deepEqual(roundTrip('{"number":0,"count":0}'), { number: 0, count: '0' });
  });

  for (const within of ['0s', '0.000000100s', '9007199.000000001s', '-0.500s', '-1.000001s', '315576000000s'])
    test(`has exact durations: ${within}`, () => {
      assert.deepEqual(roundTrip(JSON.stringify({ within })), { within });
    });

  test('shows times that protobuf does not allow by their fields', () => {
    for (const json of [
      { within: { seconds: '1', nanos: -1 } },
      { at: { seconds: '1', nanos: -5 } },
      { at: { seconds: '253402300800' } },
    ])
      assert.deepEqual(roundTrip(JSON.stringify(json)), json);
  });
});
