import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import protobuf from 'protobufjs';
import { Descriptors } from '../../src/grpc/messages/descriptors.ts';

const proto = `syntax = "proto3";
package shop;
import "google/protobuf/any.proto";
service Basket { rpc Get(Request) returns (Request); }
message Request { google.protobuf.Any detail = 1; double price = 2; }`;

suite('names that callers invent, with proto files', () => {
  let folder: string;
  let descriptors: Descriptors;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'meshmock-names-'));
    await writeFile(path.join(folder, 'shop.proto'), proto);
    descriptors = new Descriptors([folder]);
  });
  after(() => rm(folder, { recursive: true }));

  test('names of methods are not kept', () => {
    const before = keptNames(descriptors.root);
    for (let index = 0; index < 1000; index++) {
      assert.equal(descriptors.method(`shop.Invented${index}/Get`), undefined);
      assert.equal(descriptors.method(`invented${index}.Basket/Get`), undefined);
    }
    assert.equal(keptNames(descriptors.root), before);
  });

  test('names of types in messages of the type Any are not kept, and the messages are shown by their fields', () => {
    const method = descriptors.method('shop.Basket/Get');
    assert.ok(method !== undefined);
    const shown = (typeUrl: string): unknown =>
      JSON.parse(method.decodeRequest(method.encodeRequest(JSON.stringify({ detail: { typeUrl, value: '' } }))) ?? '');
    const before = keptNames(descriptors.root);
    for (let index = 0; index < 1000; index++) shown(`type.googleapis.com/shop.Invented${index}`);
    assert.equal(keptNames(descriptors.root), before);
    const typeUrl = 'type.googleapis.com/shop.Request';
    assert.deepEqual(shown(typeUrl), { detail: { typeUrl, value: '' } });
  });
});

/** Returns the number of names in the caches of protobufjs, in a namespace and below it. */
function keptNames(namespace: protobuf.NamespaceBase | undefined): number {
  const { _lookupCache: cache } = namespace as unknown as { _lookupCache: object };
  return (namespace?.nestedArray ?? []).reduce(
    (names, nested) => names + (nested instanceof protobuf.Namespace ? keptNames(nested) : 0),
    Object.keys(cache).length,
  );
}
