import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Crd, type Kind, Kinds } from '../../../src/istio/api/kinds.ts';
import { Schemas } from '../../../src/istio/api/schemas.ts';
import { selectorOf } from '../../../src/istio/api/selectors.ts';
import { Store } from '../../../src/istio/api/store.ts';
import type { KubeObject } from '../../../src/istio/objects.ts';

const crd: Crd = {
  ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'things.a.io' } },
  spec: {
    ...{ group: 'a.io', scope: 'Namespaced', names: { kind: 'Thing', plural: 'things' } },
    versions: [
      {
        name: 'v1',
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: {
                  mode: { type: 'string', enum: ['A', 'B'] },
                  port: { 'x-kubernetes-int-or-string': true, type: 'string' },
                  open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                  any: { type: 'object', additionalProperties: { type: 'string' } },
                  list: {
                    type: 'array',
                    items: { type: 'object', properties: { name: { type: 'string', default: 'unnamed' } } },
                  },
                },
                oneOf: [{ required: ['mode'] }, { required: ['port'] }],
              },
            },
          },
        },
      },
    ],
  },
};

const kubernetes = {
  $id: 'https://kubernetes.io/api/_definitions.json',
  $defs: {
    'io.k8s.api.core.v1.Namespace': {
      type: 'object',
      additionalProperties: false,
      properties: { apiVersion: {}, kind: {}, metadata: {}, spec: { type: 'object', additionalProperties: false } },
    },
  },
};

const thing = (spec: object, apiVersion = 'a.io/v1'): KubeObject => ({
  ...{ apiVersion, kind: 'Thing', metadata: { name: 't', namespace: 'default' } },
  spec,
});

describe('schemas', () => {
  const schemas = new Schemas([crd], kubernetes);
  const problems = (object: KubeObject) =>
    schemas.problemsOf(object).map(({ path, message }) => `${path.join('.')}: ${message}`);

  for (const spec of [
    { mode: 'A' },
    { port: 1 },
    { port: 'a' },
    { mode: 'B', open: { x: 1 }, any: { y: 'z' }, list: [{ name: 'n' }] },
  ])
    it(`takes ${JSON.stringify(spec)}`, () => assert.deepEqual(problems(thing(spec)), []));

  for (const [spec, expected] of [
    [{ mode: 'A', mod: 1 }, ['spec.mod: there is no field "mod": expected mode, port, open, any, list']],
    [{ mode: 'A', list: [{ nam: 'n' }] }, ['spec.list.0.nam: there is no field "nam": expected name']],
    [{ mode: 'C' }, ['spec.mode: must be equal to one of the allowed values: A, B']],
    [{ mode: 'A', any: { y: 1 } }, ['spec.any.y: must be string']],
  ] as const)
    it(`refuses ${JSON.stringify(spec)}`, () => assert.deepEqual(problems(thing(spec)), expected));

  it("put a CRD's defaults where nothing is said, at any depth", () => {
    const object = thing({ mode: 'A', list: [{}, { name: 'n' }] });
    assert.deepEqual(problems(object), []);
    assert.deepEqual(object, thing({ mode: 'A', list: [{ name: 'unnamed' }, { name: 'n' }] }));
  });

  it('refuses a version that is not served, and names those that are', () => {
    assert.deepEqual(problems(thing({ mode: 'A' }, 'a.io/v2')), ['apiVersion: "a.io/v2" is not served: there is v1']);
  });

  it("know Kubernetes's own kinds, and take what has no schema", () => {
    const object = (kind: string) => ({ apiVersion: 'v1', kind, metadata: { name: 'n' }, spec: { x: 1 } });
    assert.deepEqual(problems(object('Namespace')), ['spec.x: there is no field "x": expected no field']);
    assert.deepEqual(problems(object('Other')), []);
  });
});

describe('the store', () => {
  const kind = new Kinds([crd]).of(thing({})) as Kind;

  it('tells of changes and of nothing else, each with a version of its own', () => {
    const store = new Store();
    const seen: string[] = [];
    const stop = new AbortController();
    assert.equal(store.put(kind, thing({ a: 1 })).change, 'created');
    store.watch(kind, 0, ({ type, version }) => seen.push(`${type} ${version}`), stop.signal);
    assert.equal(store.put(kind, thing({ a: 1 })).change, 'unchanged');
    assert.equal(store.put(kind, thing({ a: 2 })).change, 'configured');
    assert.equal(store.remove(kind, 'default', 't'), true);
    assert.equal(store.remove(kind, 'default', 't'), false);
    stop.abort();
    store.put(kind, thing({ a: 3 }));
    assert.deepEqual(seen, ['ADDED 2', 'MODIFIED 3', 'DELETED 4']);
  });
});

describe('selectors', () => {
  const object = { ...thing({}), metadata: { name: 't', namespace: 'default', labels: { a: '1', b: '2' } } };
  for (const [query, expected] of [
    ['labelSelector=a%3D1', true],
    ['labelSelector=a%3D%3D1,b%3D2', true],
    ['labelSelector=a!%3D1', false],
    ['labelSelector=a!%3D3', true],
    ['labelSelector=c', false],
    ['labelSelector=!c', true],
    ['labelSelector=!a', false],
    ['fieldSelector=metadata.name%3Dt', true],
    ['fieldSelector=metadata.name%3Du', false],
    ['fieldSelector=status.phase%3DRunning', true],
    ['', true],
  ] as const)
    it(`${query || 'none'} ${expected ? 'matches' : 'does not match'}`, () =>
      assert.equal(selectorOf(new URLSearchParams(query))(object), expected));
});
