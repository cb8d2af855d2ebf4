import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseManifests } from '../../../src/istio/resources/manifest.ts';

const parse = (text: string) => parseManifests([{ name: 'a.yaml', text }]);

describe('manifests', () => {
  it('are read from every document, from lists and from JSON', () => {
    const object = (name: string): string =>
      JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    const text = `---\n# nothing\n---\n${object('a')}\n---\napiVersion: v1\nkind: List\nitems: [${object('b')}, ${object('c')}]\n`;
    assert.deepEqual(
      parse(text).map(({ object: { metadata } }) => metadata.name),
      ['a', 'b', 'c'],
    );
  });

  it('are not input for kustomize, also without apiVersion and kind', () => {
    const kind = 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Component\n';
    for (const [name, text] of [
      ['k8s/kustomization.yaml', 'resources: [a.yaml]'],
      ['kustomization.yml', 'kind: Kustomization\nresources: [a.yaml]'],
      ['k8s/a.yaml', `${kind}resources: [a.yaml]`],
    ] as const)
      assert.throws(() => parseManifests([{ name, text }]), {
        message: new RegExp(
          `^${name}:1:1: \\w+ is input for kustomize: use the output of \`kubectl kustomize FOLDER\`$`,
        ),
      });
    const other = { name: 'k8s/other.yaml', text: 'resources: [a.yaml]' };
    assert.throws(() => parseManifests([other]), { message: /expected a Kubernetes object/ });
  });

  it('know the place of each field, or of the nearest existing parent of a missing field', () => {
    const [first, second] = parse(
      'apiVersion: v1\nkind: A\nmetadata:\n  name: a\n---\napiVersion: v1\nkind: B\nmetadata:\n  name: b\nspec:\n  http:\n    - route: x\n',
    );
    assert.equal(first?.whereIs(['metadata', 'name']), 'a.yaml:4:3');
    assert.equal(second?.whereIs(['spec', 'http', '0', 'route']), 'a.yaml:12:7');
    assert.equal(second?.whereIs(['spec', 'http', '0', 'gone', 'more']), 'a.yaml:12:7');
    assert.equal(second?.whereIs([]), 'a.yaml:6:1');
  });

  it('are read as kubectl and istioctl read them', () => {
    const [manifest] = parse(
      'apiVersion: v1\nkind: A\nmetadata: {name: a}\nspec: {a: yes, b: 1:30, c: 2020-01-01, d: 017, e: "on", f: &f {g: 1}, h: {<<: *f, i: 2}, j: ., k: .5, l: e1, m: 1e3}',
    );
    assert.deepEqual(manifest?.object.spec, {
      a: true,
      b: '1:30',
      c: '2020-01-01',
      d: 15,
      e: 'on',
      f: { g: 1 },
      h: { g: 1, i: 2 },
      j: '.',
      k: 0.5,
      l: 'e1',
      m: 1000,
    });
  });

  it('may continue a quoted text with any indentation, as kubectl permits', () => {
    const header = 'apiVersion: v1\nkind: A\nmetadata:\n  name: a\n';
    const [manifest] = parse(`${header}spec:\n  a: '[\n  b: ''c''\n\n]'\n  d: "e\nf\\\n  g"\n  h: 1\n`);
    assert.deepEqual(manifest?.object.spec, { a: "[ b: 'c'\n]", d: 'e fg', h: 1 });
    assert.equal(manifest?.whereIs(['spec', 'h']), 'a.yaml:13:3');
    for (const text of [
      `${header}spec: 'x\nstatus: y\n`,
      `${header}spec: 'x\nstatus: 'y'\n`,
      `${header}spec: 'x\n---\na: b'\n`,
    ])
      assert.throws(() => parse(text), { message: "a.yaml:5:7: invalid YAML: the closing ' is missing" });
  });

  const tens = (name: string): string => Array(10).fill(`*${name}`).join();
  for (const [text, expected] of [
    ['apiVersion: v1\nkind: *gone', /^a\.yaml:1:1: invalid YAML: Unresolved alias .*gone$/],
    [`a: &a [1]\nb: &b [${tens('a')}]\nc: &c [${tens('b')}]\nd: [${tens('c')}]`, /^a\.yaml:1:1: invalid YAML: /],
    ['a: [', /^a\.yaml:1:4: invalid YAML: the closing \] is missing$/],
    ['a:\n\tb: c', /^a\.yaml:2:1: invalid YAML: Tabs/],
    ['- 1', /^a\.yaml:1:1: expected a Kubernetes object with apiVersion, kind and metadata\.name$/],
    [
      'apiVersion: v1\nkind: A\nmetadata:\n  name: off',
      /^a\.yaml:4:3: metadata\.name: expected a string, found a boolean: put it in quotes$/,
    ],
    ['apiVersion: v1\nkind: A\nmetadata: {}', /^a\.yaml:1:1: expected a Kubernetes object .*: missing metadata\.name$/],
    ['apiVersion: v1\nkind: List\nitems: [{kind: A}]', /^a\.yaml:3:9: expected a Kubernetes object/],
  ] as const)
    it(`are refused: ${JSON.stringify(text)}`, () => {
      assert.throws(() => parse(text), { name: 'MeshmockError', message: expected });
    });
});
