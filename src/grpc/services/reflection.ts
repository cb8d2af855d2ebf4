import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import type protobuf from 'protobufjs';
import { completeFile, filesOf } from '../messages/complete-files.ts';
import { protoFile, protoRoot } from './proto-root.ts';

/** Returns the service of reflection. Its parameters are those of `reflectedDefinition`. */
export function reflectionOf(furtherFiles: readonly string[], described?: protobuf.Root): ReflectionService {
  return new ReflectionService(reflectedDefinition(furtherFiles, described));
}

/**
 * Returns the services that reflection lists: ours and health, with the names of the proto files.
 *
 * @param furtherFiles proto files of further services, below `proto/`
 * @param described types of further proto files
 */
export function reflectedDefinition(
  furtherFiles: readonly string[] = [],
  described?: protobuf.Root,
): PackageDefinition {
  const definition = loadSync([protoFile, healthProtoPath, ...furtherFiles], {
    includeDirs: [protoRoot],
    keepCase: true,
  });
  for (const entry of Object.values(definition)) {
    const { fileDescriptorProtos } = entry;
    if (Array.isArray(fileDescriptorProtos))
      entry.fileDescriptorProtos = fileDescriptorProtos.map(completeFile) as never;
  }
  if (described === undefined) return definition;
  // Reflection reads only the files of an entry.
  return { ...definition, 'further files': { fileDescriptorProtos: filesOf(described) } as never };
}
