import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MeshFile, parseMeshFile } from '../../src/cli/files/mesh-file.ts';
import { namedMeshes, readMesh } from '../../src/cli/up/named-meshes.ts';
import { MeshmockError } from '../../src/error/meshmock-error.ts';

test('the parser reads services, versions and the fields that versions share', () => {
  const text = `# a comment
services:
  - name: frontend
    upstream: http://reviews
  - name: reviews
    behaviour: &slow /~delay=10ms
    replicas: 2
    versions:
      - version: v1
      - {version: 1.10, replicas: 3, behaviour: "/~status=503:0.1", zone: eu-1a}
`;
  assert.deepEqual(parseMeshFile(text, 'mesh.yaml'), {
    services: [
      {
        name: 'frontend',
        versions: [
          { version: 'v1', replicas: 1, settings: { upstream: 'http://reviews' }, places: { upstream: 'mesh.yaml:4' } },
        ],
      },
      {
        name: 'reviews',
        versions: [
          { version: 'v1', replicas: 2, settings: { behaviour: '/~delay=10ms' }, places: { behaviour: 'mesh.yaml:6' } },
          {
            version: '1.10',
            replicas: 3,
            settings: { behaviour: '/~status=503:0.1', zone: 'eu-1a' },
            places: { behaviour: 'mesh.yaml:10', zone: 'mesh.yaml:10' },
          },
        ],
      },
    ],
  } satisfies MeshFile);
});

test('the named meshes are valid mesh files', () => {
  assert.deepEqual(Object.keys(namedMeshes), ['demo', 'octopus']);
  const pods = (name: string): number =>
    readMesh(name)
      .services.flatMap(({ versions }) => versions)
      .reduce((sum, { replicas }) => sum + replicas, 0);
  assert.deepEqual([pods('demo'), pods('octopus')], [5, 7]);
});

const wrong: [text: string, place: string, message: RegExp][] = [
  ['', '1:1', /expected a list under "services:"/],
  ['hello', '1:1', /expected a list under "services:"/],
  ['services: 3', '1:11', /expected a list with at least one entry/],
  ['services: []', '1:11', /expected a list with at least one entry/],
  ['service:\n  - name: a', '1:1', /expected one of services/],
  ['services:\n  - nam: a', '2:5', /expected one of name, versions, version/],
  ['services:\n  - replicas: 2', '2:5', /expected the field name, such as "name: reviews"/],
  ['services:\n  - name: a b', '2:11', /not a name: expected letters/],
  ['services:\n  - name: a\n    replicas: 0', '3:15', /expected a number of replicas from 1 to 50/],
  ['services:\n  - name: a\n    replicas: many', '3:15', /expected a number of replicas/],
  ['services:\n  - name: a\n    replicas: 51', '3:15', /expected a number of replicas/],
  ['services:\n  - {name: a, replicas: 30}\n  - {name: b, replicas: 30}', '1:1', /expected at most 50 pods, found 60/],
  ['services:\n  - name: a\n  - name: a', '3:5', /expected another name: a is already in use/],
  [
    'services:\n  - name: rev\n    versions: [{version: v1}, {version: v2}]\n  - name: Rev-v1',
    '4:5',
    /expected another name: Rev-v1 is already in use/,
  ],
  [
    'services:\n  - name: a\n    versions: [{version: v1}, {version: v1}]',
    '2:5',
    /expected another name: a-v1 is already in use/,
  ],
  [
    'services:\n  - name: a\n    upstream: http://b\n    versions: [{version: v1, content: c}]',
    '4:39',
    /expected upstream \(a proxy\) or content \(a web server\), not both/,
  ],
  ['services:\n  - name: -a', '2:11', /not a name/],
  [
    'services:\n  - name: 123',
    '2:5',
    /expected the name of a host, not a number alone, because other services call it by its name/,
  ],
  [
    'services:\n  - {name: a, version: v1, versions: [{version: v2}]}',
    '2:24',
    /expected version or versions, not both/,
  ],
  ['services:\n  - name: a\n    behaviour: /~dela=1s', '3:16', /at offset 2: expected a directive/],
  ['services:\n  - name: a\n    behaviour: /x', '3:16', /expected only directives/],
  ['services:\n  - name: a\n    upstream: b', '3:15', /not the URL of an upstream/],
  [
    'services:\n  - name: a\n    versions:\n      - replicas: 1',
    '4:9',
    /expected the field version, such as "version: v1"/,
  ],
  ['services:\n  - name: a\n    versions: v1', '3:15', /expected a list/],
  ['services:\n  - name: a\n   replicas: 1', '3:1', /invalid YAML/],
  ['services:\n  - name: [a', '2:11', /invalid YAML/],
];
for (const [text, place, message] of wrong) {
  test(`the parser refuses ${JSON.stringify(text)} at ${place}`, () => {
    assert.throws(
      () => parseMeshFile(text, 'mesh.yaml'),
      (error) => {
        assert.ok(error instanceof MeshmockError);
        assert.equal(error.code, 'usage');
        assert.ok(error.message.startsWith(`mesh.yaml:${place}: `), error.message);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('a name that is neither a mesh nor a file is refused', () => {
  assert.throws(() => readMesh('octopuss'), /"octopuss" is neither demo or octopus nor a file: ENOENT/);
});
