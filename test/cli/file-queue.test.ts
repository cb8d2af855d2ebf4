import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CaseFile } from '../../src/cases/case.ts';
import { parseCaseFile } from '../../src/cli/files/case-file.ts';
import { FileQueue } from '../../src/cli/test/file-queue.ts';
import { checkMemory, defaultMeshCount, mostPods, startedMeshCount } from '../../src/cli/test/mesh-count.ts';
import { readTestSettings } from '../../src/cli/test/test-options.ts';

/** Returns a file of cases with manifests, further fields of the file, and a number of requests. */
function file(name: string, manifests: readonly string[], fields = '', repeat = 1): CaseFile {
  const cases = `cases:\n  - {name: one, call: /x, repeat: ${repeat}, expect: status = 200}\n`;
  const text = `manifests: [${manifests.join(', ')}]\n${fields}${cases}`;
  return parseCaseFile(text, name, { timeoutMs: 1000, retryUntilMs: 0 });
}

const labs = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => file(name, ['mesh.yaml', `${name}.yaml`]));
const octopus = ['x', 'y'].map((name) => file(name, ['octopus.yaml']));

/** Takes a file, which must be there. */
function take(queue: FileQueue, last: CaseFile | undefined, others: readonly CaseFile[]): CaseFile {
  const next = queue.take(last, others);
  assert.ok(next !== undefined);
  return next;
}

test('a single mesh runs the files in their order', () => {
  const queue = new FileQueue([...labs, ...octopus], 1);
  const names: string[] = [];
  for (let last = queue.take(undefined, []); last !== undefined; last = queue.take(last, [])) names.push(last.name);
  assert.deepEqual(names, ['a', 'b', 'c', 'd', 'e', 'f', 'x', 'y']);
});

test('each of two meshes prefers files that share manifests with its last one', () => {
  const queue = new FileQueue([...labs, ...octopus], 2);
  const one = take(queue, undefined, []);
  assert.equal(one.name, 'a');
  const other = take(queue, undefined, [one]);
  assert.equal(other.name, 'x', 'a new mesh takes a file that shares nothing with those of other meshes');
  assert.equal(queue.take(one, [other])?.name, 'b');
  assert.equal(queue.take(other, [one])?.name, 'y');
  assert.equal(queue.take(other, [one])?.name, 'c', 'a mesh without like files takes another one');
});

test('the longest of the last files comes first', () => {
  const short = ['a', 'b'].map((name) => file(name, ['mesh.yaml']));
  const long = file('long', ['mesh.yaml'], '', 500);
  const queue = new FileQueue([...labs.slice(0, 2), ...short, long], 2);
  const one = take(queue, undefined, []);
  assert.equal(one.name, 'a', 'the first of many files comes first');
  assert.equal(take(queue, one, []).name, 'long');
  assert.equal(take(queue, one, []).name, 'b');
});

test('a mesh takes a file for which it must start again only after the others', () => {
  const first = file('first', ['mesh.yaml']);
  const filled = file('filled', ['mesh.yaml'], 'fill: true\n');
  const shop = file('shop', ['mesh.yaml'], 'namespace: shop\n');
  const foreign = file('foreign', ['foreign.yaml']);
  const queue = new FileQueue([filled, shop, foreign], 2);
  assert.equal(queue.take(first, [])?.name, 'foreign');
  assert.equal(queue.take(first, [])?.name, 'filled');
  assert.equal(queue.take(first, [])?.name, 'shop');
  assert.equal(queue.take(first, []), undefined);
});

test('the default number of meshes is bounded by cores, memory and files', () => {
  const plenty = { cores: 4, meshesWith: () => 100 };
  assert.equal(defaultMeshCount(25, 9, plenty), 4);
  assert.equal(defaultMeshCount(25, 9, { ...plenty, cores: 2 }), 2);
  assert.equal(defaultMeshCount(11, 9, plenty), 2);
  assert.equal(defaultMeshCount(3, 9, plenty), 1);
  assert.equal(defaultMeshCount(0, 9, plenty), 1);
  assert.equal(defaultMeshCount(25, 9, { ...plenty, meshesWith: (pods) => Math.floor(27 / pods) }), 3);
  assert.equal(defaultMeshCount(25, 9, { ...plenty, meshesWith: () => 0 }), 1);
});

test('no more meshes start than there are files, even if the user sets more', () => {
  assert.equal(startedMeshCount(8, 2), 2);
  assert.equal(startedMeshCount(2, 8), 2);
  assert.equal(startedMeshCount(undefined, 8), undefined);
});

test('meshes that do not fit into the memory are refused, and the error says how many do', () => {
  checkMemory(2, 9, 2);
  assert.throws(() => checkMemory(3, 9, 2), /memory for 2 local meshes of 9 pods instead of 3/);
  assert.throws(() => checkMemory(2, 9, -1), /memory for 0 local meshes/);
});

test('the pods of the largest mesh are counted with replicas, gateways and mocks that --fill adds', () => {
  const read = (names: readonly string[]) => names.map((name) => ({ name, text: texts[name] ?? '' }));
  const deployment = (replicas: number) =>
    `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: ${replicas}}\n`;
  const texts: Readonly<Record<string, string>> = {
    'three.yaml': deployment(3),
    'service.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {ports: [{port: 80}]}\n',
  };
  const three = file('three', ['three.yaml', 'service.yaml']);
  const filled = file('filled', ['three.yaml', 'service.yaml'], 'fill: true\n');
  assert.equal(mostPods([three], read), 5);
  assert.equal(mostPods([three, filled], read), 6);
  assert.equal(mostPods([three], read, 1), 3);
  assert.equal(mostPods([], read), 0);
});

test('--meshes needs local meshes whose addresses nobody chooses', () => {
  assert.equal(readTestSettings(['test.yaml', '--meshes', '3']).meshes, 3);
  assert.equal(readTestSettings(['test.yaml', '--meshes', '1', '--keep']).meshes, 1);
  for (const [flag, ...args] of [
    ['--keep', '--keep'],
    ['--http with a port', '--http', 'localhost:8080'],
    ['--grpc with a port', '--grpc', 'localhost:9090'],
  ])
    assert.throws(
      () => readTestSettings(['test.yaml', '--meshes', '2', ...args]),
      new RegExp(`${flag} needs a single mesh, and --meshes starts 2`),
    );
  assert.throws(
    () => readTestSettings(['test.yaml', '--meshes', '2', '--entry', 'localhost:8080']),
    /--meshes needs a local mesh/,
  );
  assert.throws(() => readTestSettings(['test.yaml', '--meshes', '0']), /whole number from 1 to 100/);
});
