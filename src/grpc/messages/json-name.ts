import type protobuf from 'protobufjs';

/** Returns the name of a field in JSON, which its proto file may set with `json_name`. */
export function jsonName(field: protobuf.Field): string {
  return (field.getOption('json_name') as string | undefined) ?? defaultJsonName(field.name);
}

/** Returns the name in JSON of a field whose proto file does not set one, as protoc makes it. */
export function defaultJsonName(name: string): string {
  return name.replaceAll(/_+(.?)/g, (_all, letter: string) => letter.toUpperCase());
}
