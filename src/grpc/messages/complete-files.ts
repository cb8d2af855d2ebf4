import path from 'node:path';
import protobuf from 'protobufjs';
import descriptor, {
  type IDescriptorProto,
  type IFieldDescriptorProto,
  type IFileDescriptorProto,
} from 'protobufjs/ext/descriptor/index.js';
import { defaultJsonName, jsonName } from './json-name.ts';

/**
 * Adds facts to a file descriptor that protobufjs leaves out and that clients such as grpcurl need: the name of the entry
 * type of a map, the names in JSON, and the mark and the order of `optional` fields (descriptor.proto defines each).
 */
export function completeFile(bytes: Buffer): Buffer {
  const file = descriptor.FileDescriptorProto.decode(bytes) as IFileDescriptorProto;
  for (const message of file.messageType ?? []) completeMessage(message);
  return encode(file);
}

function encode(file: IFileDescriptorProto): Buffer {
  return Buffer.from(descriptor.FileDescriptorProto.encode(file).finish());
}

function completeMessage(message: IDescriptorProto): void {
  for (const nested of message.nestedType ?? []) {
    completeMessage(nested);
    if (nested.options?.mapEntry === true) renameEntry(message, nested);
  }
  for (const field of message.field ?? []) {
    if (!Object.hasOwn(field, 'jsonName')) field.jsonName = defaultJsonName(field.name ?? '');
  }
  const optional = new Set(message.field?.filter((field) => isOptional(message, field)));
  for (const field of optional) Object.assign(field, { proto3Optional: true });
  orderOneofs(message, optional);
}

/** Puts the oneofs of optional fields last. Clients in Go refuse a message with another order. */
function orderOneofs(message: IDescriptorProto, optional: ReadonlySet<IFieldDescriptorProto>): void {
  const oneofs = message.oneofDecl ?? [];
  const made = new Set([...optional].map(({ oneofIndex }) => oneofIndex ?? 0));
  const order = [...oneofs.keys()].sort((one, other) => Number(made.has(one)) - Number(made.has(other)));
  message.oneofDecl = order.flatMap((index) => oneofs[index] ?? []);
  for (const field of message.field ?? [])
    if (Object.hasOwn(field, 'oneofIndex')) field.oneofIndex = order.indexOf(field.oneofIndex ?? 0);
}

/** Reports whether a field is `optional`. protobufjs makes a oneof for each, which is named after it. */
function isOptional(message: IDescriptorProto, field: IFieldDescriptorProto): boolean {
  const isIn = (other: IFieldDescriptorProto): boolean =>
    Object.hasOwn(other, 'oneofIndex') && other.oneofIndex === field.oneofIndex;
  if (!isIn(field) || message.oneofDecl?.[field.oneofIndex ?? 0]?.name !== `_${field.name}`) return false;
  // The author of a proto file may give a oneof such a name too.
  return message.field?.filter(isIn).length === 1;
}

function renameEntry(message: IDescriptorProto, entry: IDescriptorProto): void {
  const name = `${entry.name?.replaceAll(/_(.)/g, (_all, letter: string) => letter.toUpperCase())}Entry`;
  for (const field of message.field ?? []) {
    if (field.typeName === entry.name) field.typeName = name;
  }
  entry.name = name;
}

/** Part of protobufjs's extension for descriptors, which its types do not have. */
interface Described {
  toDescriptor(syntax: string): { readonly file: IFileDescriptorProto[] };
}

/** Returns the file descriptors of all types, one for each package, with the names of the types and files that they need. */
export function filesOf(root: protobuf.Root): Buffer[] {
  const { file: files } = (root as unknown as Described).toDescriptor('proto3');
  for (const file of files) {
    // The name of a file says where it is on this machine.
    if (path.isAbsolute(file.name ?? '')) file.name = `${(file.package ?? '').replaceAll('.', '_')}.proto`;
  }
  const nameOfPackage = new Map(files.map((file) => [file.package ?? '', file.name ?? '']));
  return files.map((file) => {
    const used = new Set<string>();
    const use: UseOfType = (type) => {
      used.add(nameOfPackage.get(packageOf(type)) ?? '');
      return type?.fullName ?? '';
    };
    for (const message of file.messageType ?? [])
      linkMessage(message, root.lookupType(join(file.package, message.name)), use);
    for (const service of file.service ?? []) {
      for (const method of root.lookupService(join(file.package, service.name)).methodsArray) {
        use(method.resolvedRequestType);
        use(method.resolvedResponseType);
      }
    }
    used.delete(file.name ?? '');
    const bytes = encode({ ...file, dependency: [...used].filter((name) => name !== '') });
    return completeFile(bytes);
  });
}

function join(scope: string | null | undefined, name: string | null | undefined): string {
  return scope ? `${scope}.${name}` : (name ?? '');
}

type UseOfType = (type: protobuf.Type | protobuf.Enum | null) => string;

/** Writes the names in JSON and the full names of the types of the fields of a message. */
function linkMessage(message: IDescriptorProto, type: protobuf.Type, use: UseOfType): void {
  for (const field of type.fieldsArray) {
    const described = message.field?.find(({ name }) => name === field.name);
    if (described === undefined) continue;
    described.jsonName = jsonName(field);
    if (field.resolvedType !== null) linkType(message, field, described, use);
  }
  for (const nested of message.nestedType ?? []) {
    const nestedType = type.nested?.[nested.name ?? ''];
    if (nestedType instanceof protobuf.Type) linkMessage(nested, nestedType, use);
  }
}

/** Writes the full name of the type of a field. Those of maps are entry types in the message. */
function linkType(
  message: IDescriptorProto,
  field: protobuf.Field,
  described: IFieldDescriptorProto,
  use: UseOfType,
): void {
  const fullName = use(field.resolvedType);
  if (!(field instanceof protobuf.MapField)) {
    described.typeName = fullName;
    return;
  }
  const entry = message.nestedType?.find(({ name }) => name === described.typeName);
  const value = entry?.field?.find(({ name }) => name === 'value');
  if (value !== undefined) value.typeName = fullName;
}

/** Returns the package of a type, without the types that contain it. */
function packageOf(type: protobuf.ReflectionObject | null): string {
  let scope = type?.parent ?? null;
  while (scope instanceof protobuf.Type) scope = scope.parent;
  return scope?.fullName.slice(1) ?? '';
}
