import type protobuf from 'protobufjs';

/** Value of a field, or what its JSON should have been. */
export type ReadValue =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'wrong'; readonly expected: string };

const wrong = (expected: string): ReadValue => ({ kind: 'wrong', expected });
const right = (value: unknown): ReadValue => ({ kind: 'value', value });

/** Reads the JSON of a scalar type of protobuf, and returns the value that protobufjs takes without a loss. */
export function scalarFromJson(type: string, value: unknown): ReadValue {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? right(value) : wrong('a text');
    case 'bytes':
      return typeof value === 'string' ? right(value) : wrong('a text in base64');
    case 'bool':
      return typeof value === 'boolean' ? right(value) : wrong('true or false');
    case 'double':
    case 'float':
      return floatFromJson(type, value);
    default:
      return wholeFromJson(type, value);
  }
}

/** Reads the JSON of an enum: the name of a value, or its number. */
export function enumFromJson({ values }: protobuf.Enum, value: unknown): ReadValue {
  const isKnown =
    typeof value === 'string'
      ? Object.hasOwn(values, value)
      : typeof value === 'number' && scalarFromJson('int32', value).kind === 'value';
  return isKnown ? right(value) : wrong(`one of ${Object.keys(values).join(', ')}`);
}

/** Returns the JSON of a scalar. NaN and the infinities are texts, because JSON has no such numbers. */
export function scalarToJson(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** Returns the JSON of a scalar that a message does not have. */
export function defaultJson(type: string): unknown {
  switch (type) {
    case 'string':
    case 'bytes':
      return '';
    case 'bool':
      return false;
    default:
      return type.endsWith('64') ? '0' : 0;
  }
}

const decimal = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const notFinite = /^(?:NaN|-?Infinity)$/;

function floatFromJson(type: 'double' | 'float', value: unknown): ReadValue {
  if (typeof value === 'string' && notFinite.test(value)) return right(Number(value));
  const isNumber = typeof value === 'number' || (typeof value === 'string' && decimal.test(value));
  if (!isNumber) return wrong('a number');
  const number = Number(value);
  // A number that is too large would become infinite.
  const isInRange = Number.isFinite(type === 'float' ? Math.fround(number) : number);
  return isInRange ? right(number) : wrong(`a ${type}, which is smaller`);
}

function wholeFromJson(type: string, value: unknown): ReadValue {
  const isText = typeof value === 'string';
  if (!(isText || typeof value === 'number') || !/^-?\d{1,20}$/.test(String(value))) return wrong('a whole number');
  const number = BigInt(value);
  const { least, most } = rangeOf(type);
  if (number < least || number > most) return wrong(`a whole number from ${least} to ${most}`);
  if (!isText && !Number.isSafeInteger(value))
    return wrong(`quotes around a number above ${Number.MAX_SAFE_INTEGER}, or it would lose digits`);
  // protobufjs reads numbers of 64 bits from text, without a loss.
  return right(type.endsWith('64') ? String(number) : Number(number));
}

function rangeOf(type: string): { least: bigint; most: bigint } {
  const bits = type.endsWith('64') ? 64n : 32n;
  const isUnsigned = type.startsWith('u') || type.startsWith('fixed');
  return isUnsigned
    ? { least: 0n, most: 2n ** bits - 1n }
    : { least: -(2n ** (bits - 1n)), most: 2n ** (bits - 1n) - 1n };
}
