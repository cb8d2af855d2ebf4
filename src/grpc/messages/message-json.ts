import protobuf from 'protobufjs';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { jsonName } from './json-name.ts';
import { defaultJson, enumFromJson, scalarFromJson, scalarToJson } from './scalars.ts';
import { isWrapper, specialFromJson, specialToJson } from './special-types.ts';

/**
 * Reads the JSON of a message by protobuf's JSON mapping (protobuf.dev, "ProtoJSON Format"), and encodes the message. A
 * field has its name in the proto file, or that name in lower camel case.
 *
 * @example
 * encodeJson(type, '{"userId": "u"}');
 *
 * @throws MeshmockError `bad_request` if the text is not a message of the type, with the field
 */
export function encodeJson(type: protobuf.Type, text: string): Buffer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MeshmockError('bad_request', `the message is not JSON: ${(error as Error).message}`);
  }
  return Buffer.from(type.encode(type.fromObject(objectOf(type, value, ''))).finish());
}

/**
 * Decodes a message, and returns its JSON.
 *
 * @throws Error if the bytes are not a message of the type
 */
export function decodeJson(type: protobuf.Type, bytes: Uint8Array): string {
  // With `json`, protobufjs would look up the type that an Any names, and keep each name that callers invent in a cache.
  const plain = type.toObject(type.decode(bytes), { longs: String, enums: String, bytes: String });
  return JSON.stringify(jsonOf(type, plain));
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Checks the JSON of a message, and returns the object that protobufjs makes a message of. */
function objectOf(type: protobuf.Type, value: unknown, at: string): Fields {
  const [wrapped] = type.fieldsArray;
  if (wrapped !== undefined && isWrapper(type.fullName) && typeof value !== 'object')
    return { value: singleValue(wrapped, value, at) };
  const special = specialFromJson(type.fullName, value);
  if (special !== undefined) return special;
  if (!isObject(value)) throw wrong(at, `an object of the type ${type.fullName.slice(1)}`);
  const object: Record<string, unknown> = {};
  for (const [name, content] of Object.entries(value)) {
    const field = type.fieldsArray.find((known) => known.name === name || jsonName(known) === name);
    const place = at === '' ? name : `${at}.${name}`;
    if (field === undefined)
      throw new MeshmockError('bad_request', `${place}: ${type.fullName.slice(1)} has no such field`);
    // null is the default of a field.
    if (content === null) continue;
    // A message has one of the fields of a oneof, and the other would be lost.
    const rival = [field, ...(field.partOf?.fieldsArray ?? [])].find((other) => Object.hasOwn(object, other.name));
    if (rival !== undefined)
      throw new MeshmockError('bad_request', `${place}: excludes ${jsonName(rival)}, which the message also has`);
    object[field.name] = fieldValue(field, content, place);
  }
  return object;
}

function fieldValue(field: protobuf.Field, value: unknown, at: string): unknown {
  if (field instanceof protobuf.MapField) {
    if (!isObject(value)) throw wrong(at, 'an object');
    return Object.fromEntries(
      Object.entries(value).map(([key, content]) => {
        const place = `${at}.${key}`;
        return [mapKey(field, key, place), singleValue(field, content, place)];
      }),
    );
  }
  if (!field.repeated) return singleValue(field, value, at);
  if (!Array.isArray(value)) throw wrong(at, 'a list');
  return value.map((content, index) => singleValue(field, content, `${at}[${index}]`));
}

/** Returns the key of an entry of a map. Keys are texts in JSON. */
function mapKey({ keyType }: protobuf.MapField, key: string, at: string): string {
  if (keyType === 'string' || keyType === 'bool') return key;
  const read = scalarFromJson(keyType, key);
  if (read.kind === 'wrong') throw wrong(at, `${read.expected} as the key`);
  return String(read.value);
}

function singleValue({ type, resolvedType }: protobuf.Field, value: unknown, at: string): unknown {
  if (resolvedType instanceof protobuf.Type) return objectOf(resolvedType, value, at);
  const read = resolvedType === null ? scalarFromJson(type, value) : enumFromJson(resolvedType, value);
  if (read.kind === 'wrong') throw wrong(at, read.expected);
  return read.value;
}

function wrong(at: string, expected: string): MeshmockError {
  return new MeshmockError('bad_request', `${at === '' ? 'the message' : at}: expected ${expected}`);
}

/** Returns the JSON value of a decoded message. */
function jsonOf(type: protobuf.Type, object: Fields): unknown {
  const [wrapped] = type.fieldsArray;
  if (wrapped !== undefined && isWrapper(type.fullName)) return scalarToJson(object.value ?? defaultJson(wrapped.type));
  const special = specialToJson(type.fullName, object);
  if (special !== undefined) return special;
  return Object.fromEntries(
    type.fieldsArray.flatMap((field) => {
      const value = object[field.name];
      return value === undefined ? [] : [[jsonName(field), fieldJson(field, value)]];
    }),
  );
}

function fieldJson(field: protobuf.Field, value: unknown): unknown {
  const { resolvedType } = field;
  const single = (content: unknown): unknown =>
    resolvedType instanceof protobuf.Type ? jsonOf(resolvedType, content as Fields) : scalarToJson(content);
  if (field instanceof protobuf.MapField)
    return Object.fromEntries(Object.entries(value as Fields).map(([key, content]) => [key, single(content)]));
  return Array.isArray(value) ? value.map(single) : single(value);
}
