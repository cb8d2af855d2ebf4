import assert from 'node:assert/strict';
import { test } from 'node:test';
import descriptor, { type IDescriptorProto, type IFileDescriptorProto } from 'protobufjs/ext/descriptor/index.js';
import { reflectedDefinition } from '../../src/grpc/reflection.ts';

/** Returns the name of the entry type of a map field (descriptor.proto). */
const entryNameOf = (field: string): string =>
  `${field.replaceAll(/(?:^|_)(.)/g, (_all, letter: string) => letter.toUpperCase())}Entry`;

test('the entry types of map fields have the names that clients require', () => {
  const files = Object.values(reflectedDefinition()).flatMap(({ fileDescriptorProtos }) =>
    ((fileDescriptorProtos ?? []) as Buffer[]).map(
      (bytes) => descriptor.FileDescriptorProto.decode(bytes) as IFileDescriptorProto,
    ),
  );
  const messages = files.flatMap(({ messageType }) => messageType ?? []);
  const entries = (message: IDescriptorProto): (string | null | undefined)[] =>
    (message.nestedType ?? []).filter(({ options }) => options?.mapEntry).map(({ name }) => name);
  const summary = messages.find(({ name }) => name === 'Summary');
  assert.ok(summary !== undefined);
  const maps = ['by_status', 'by_version', 'by_pod', 'by_attempt', 'by_answer', 'by_service', 'by_refusal'];
  assert.deepEqual(entries(summary), maps.map(entryNameOf));
  for (const map of maps) {
    const typeName: string = summary.field?.find(({ name }) => name === map)?.typeName ?? '';
    assert.equal(typeName.split('.').at(-1), entryNameOf(map));
  }
});
