import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs';
import descriptor, { type IDescriptorProto, type IFileDescriptorProto } from 'protobufjs/ext/descriptor/index.js';
import { filesOf } from '../../src/grpc/messages/complete-files.ts';
import { reflectedDefinition } from '../../src/grpc/services/reflection.ts';

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
  const maps = [
    'by_status',
    'by_version',
    'by_pod',
    'by_attempt',
    'by_answer',
    'by_service',
    'by_refusal',
    'by_peer',
    'by_tls_version',
    'by_http_version',
    'by_sni',
    'by_alpn',
    'by_tls_peer',
  ];
  assert.deepEqual(entries(summary), maps.map(entryNameOf));
  for (const map of maps) {
    const typeName: string = summary.field?.find(({ name }) => name === map)?.typeName ?? '';
    assert.equal(typeName.split('.').at(-1), entryNameOf(map));
  }
});

test('reflection has the names in JSON of a proto file, and marks only optional fields as optional', () => {
  const proto = `syntax = "proto3";
    package shop;
    message Order {
      optional int32 item_2 = 5;
      oneof _choice { string choice = 1; string other = 2; }
      string user_id = 3 [json_name = "uid"];
      map<string, string> names_of = 4 [json_name = "names"];
    }`;
  const root = new protobuf.Root();
  protobuf.parse(proto, root, { keepCase: true });
  root.resolveAll();
  const [file] = filesOf(root).map((bytes) => descriptor.FileDescriptorProto.decode(bytes) as IFileDescriptorProto);
  const fields = (file?.messageType?.[0]?.field ?? []) as {
    name: string;
    jsonName: string;
    proto3Optional?: boolean;
  }[];
  assert.deepEqual(
    fields.map(({ name, jsonName, proto3Optional }) => [name, jsonName, proto3Optional === true]),
    [
      ['item_2', 'item2', true],
      ['choice', 'choice', false],
      ['other', 'other', false],
      ['user_id', 'uid', false],
      ['names_of', 'names', false],
    ],
  );
  // Clients in Go require this order.
  const oneofs = file?.messageType?.[0]?.oneofDecl?.map(({ name }) => name);
  assert.deepEqual(oneofs, ['_choice', '_item_2']);
  const indexes = file?.messageType?.[0]?.field?.slice(0, 3).map(({ oneofIndex }) => oneofIndex);
  assert.deepEqual(indexes, [1, 0, 0]);
});
