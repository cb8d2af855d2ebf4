import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Crd, type Kind, Kinds } from '../../../src/istio/api/kinds.ts';
import { Schemas } from '../../../src/istio/api/schemas.ts';
import { parseSelectors } from '../../../src/istio/api/selectors.ts';
import { Store } from '../../../src/istio/api/store.ts';
import type { KubeObject } from '../../../src/istio/objects.ts';

const crd: Crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.a.io' },
  spec: {
    group: 'a.io',
    scope: 'Namespaced',
    names: { kind: 'Thing', plural: 'things' },
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
  apiVersion,
  kind: 'Thing',
  metadata: { name: 't', namespace: 'default' },
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
    // YAML fields without a value.
    { mode: 'A', list: null, any: { y: null } },
  ])
    it(`accept ${JSON.stringify(spec)}`, () => assert.deepEqual(problems(thing(spec)), []));

  for (const [spec, expected] of [
    [{ mode: 'A', mod: 1 }, ['spec.mod: unknown field "mod": expected mode, port, open, any, list']],
    [{ mode: 'A', list: [{ nam: 'n' }] }, ['spec.list.0.nam: unknown field "nam": expected name']],
    [{ mode: 'C' }, ['spec.mode: must be equal to one of the allowed values: A, B']],
    [{ mode: 'A', any: { y: 1 } }, ['spec.any.y: must be string']],
    [{ mode: 'A', list: [null] }, ['spec.list.0: must be object']],
  ] as const)
    it(`refuse ${JSON.stringify(spec)}`, () => assert.deepEqual(problems(thing(spec)), expected));

  it("set a CRD's defaults in missing fields, at any depth", () => {
    const object = thing({ mode: 'A', list: [{}, { name: 'n' }] });
    assert.deepEqual(problems(object), []);
    assert.deepEqual(object, thing({ mode: 'A', list: [{ name: 'unnamed' }, { name: 'n' }] }));
  });

  it('refuse a version that is not served, and name the served ones', () => {
    assert.deepEqual(problems(thing({ mode: 'A' }, 'a.io/v2')), ['apiVersion: "a.io/v2" is not served: use v1']);
  });

  it("include Kubernetes' own kinds, and accept objects of unknown kinds", () => {
    const object = (kind: string) => ({ apiVersion: 'v1', kind, metadata: { name: 'n' }, spec: { x: 1 } });
    assert.deepEqual(problems(object('Namespace')), ['spec.x: unknown field "x": expected no field']);
    assert.deepEqual(problems(object('Other')), []);
  });
});

describe('the store', () => {
  const kind = new Kinds([crd]).of(thing({})) as Kind;

  it('emits an event with its own version for each change, and for nothing else', () => {
    const store = new Store();
    const events: string[] = [];
    const stop = new AbortController();
    assert.equal(store.put(kind, thing({ a: 1 })).change, 'created');
    store.watch(kind, 0, ({ type, version }) => events.push(`${type} ${version}`), stop.signal);
    assert.equal(store.put(kind, thing({ a: 1 })).change, 'unchanged');
    assert.equal(store.put(kind, thing({ a: 2 })).change, 'configured');
    assert.equal(store.remove(kind, 'default', 't'), true);
    assert.equal(store.remove(kind, 'default', 't'), false);
    stop.abort();
    store.put(kind, thing({ a: 3 }));
    assert.deepEqual(events, ['ADDED 2', 'MODIFIED 3', 'DELETED 4']);
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
      assert.equal(parseSelectors(new URLSearchParams(query))(object), expected));
});
