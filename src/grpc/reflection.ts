import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import protobuf from 'protobufjs';
import descriptor, { type IDescriptorProto, type IFileDescriptorProto } from 'protobufjs/ext/descriptor/index.js';
import { protoFile, protoRoot } from './codec.ts';

/**
 * Returns the services that reflection lists: ours and health, with the names of the proto files.
 *
 * It adds facts that protobufjs leaves out and that clients such as grpcurl need: the name of the entry type of a map, the
 * names in JSON, and the mark of `optional` fields (descriptor.proto defines each).
 *
 * @param furtherFiles proto files of further services, below `proto/`
 */
export function reflectedDefinition(furtherFiles: readonly string[] = []): PackageDefinition {
  const definition = loadSync([protoFile, healthProtoPath, ...furtherFiles], {
    includeDirs: [protoRoot],
    keepCase: true,
  });
  for (const entry of Object.values(definition)) {
    const { fileDescriptorProtos } = entry;
    if (Array.isArray(fileDescriptorProtos))
      entry.fileDescriptorProtos = fileDescriptorProtos.map(completeFile) as never;
  }
  return definition;
}

function completeFile(bytes: Buffer): Buffer {
  const file = descriptor.FileDescriptorProto.decode(bytes) as IFileDescriptorProto;
  for (const message of file.messageType ?? []) completeMessage(message);
  return Buffer.from(descriptor.FileDescriptorProto.encode(file).finish());
}

function completeMessage(message: IDescriptorProto): void {
  for (const nested of message.nestedType ?? []) {
    completeMessage(nested);
    if (nested.options?.mapEntry === true) renameEntry(message, nested);
  }
  for (const field of message.field ?? []) {
    field.jsonName = protobuf.util.camelCase(field.name ?? '');
    // protobufjs creates a oneof for each optional field, named after it with an underscore.
    const oneof = Object.hasOwn(field, 'oneofIndex') ? message.oneofDecl?.[field.oneofIndex ?? 0] : undefined;
    if (oneof?.name?.startsWith('_')) Object.assign(field, { proto3Optional: true });
  }
}

function renameEntry(message: IDescriptorProto, entry: IDescriptorProto): void {
  const name = `${entry.name?.replaceAll(/_(.)/g, (_all, letter: string) => letter.toUpperCase())}Entry`;
  for (const field of message.field ?? []) {
    if (field.typeName === entry.name) field.typeName = name;
  }
  entry.name = name;
}
