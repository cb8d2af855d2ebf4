import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cause } from '../../src/diff/cause.ts';
import type { Comparison } from '../../src/diff/comparison.ts';
import type { Difference, DifferenceKind } from '../../src/diff/difference.ts';
import { SecretMarks } from '../../src/diff/secret-values.ts';
import { destination, probe, workload } from '../diff/make.ts';
import type { PlacedMutation, Site } from '../labs/diff/fields/field-mutation.ts';
import { judge } from '../labs/diff/fields/judge.ts';
import { mutatedObjects } from '../labs/diff/fields/mutated-object.ts';
import { fieldMutations } from '../labs/diff/fields/plan.ts';
import { Random } from '../random.ts';

const site: Site = {
  name: 'cart',
  namespace: 'default',
  host: 'cart.default.svc.cluster.local',
  versions: ['v1', 'v2'],
  port: 8080,
  spare: 'web.default.svc.cluster.local',
  callers: ['web', 'admin'],
  otherNamespace: 'team',
  grpcPort: 9090,
  tcpPort: 7000,
  number: 1,
};

function mutation(kind: string, field: string): PlacedMutation {
  const found = fieldMutations.find((one) => one.kind === kind && one.field === field);
  assert.ok(found !== undefined, `${kind} ${field}`);
  return { mutation: found, site, ...found.change(site, new Random(1)) };
}

const audiences = mutation('RequestAuthentication', 'jwtRules.audiences');
const hidden = mutation('Sidecar', 'egress.hosts (namespace)');
const ofAudiences = cause('RequestAuthentication', 'cart', 'jwtRules[0].audiences');
const ofSidecar = cause('Sidecar', 'admin', 'egress[0].hosts[0]');

function cause(kind: string, name: string, place?: string, namespace = 'default'): Cause {
  return { kind, name, namespace, place, where: undefined };
}

function difference(
  kind: DifferenceKind,
  of: Cause | readonly Cause[] | undefined,
  caller = 'admin',
  host = 'cart',
): Difference {
  const one = probe({ caller: workload(caller), destination: destination(host) });
  return { kind, severity: 'refused', probe: one, from: '', to: '', causes: [of ?? []].flat() };
}

function comparison(...differences: readonly Difference[]): Comparison {
  const counts = { edges: 0, changedEdges: 0, gateways: 0, changedGateways: 0, requests: 0 };
  return {
    secrets: new SecretMarks(),
    counts,
    changedEdges: [],
    callers: [],
    probes: [],
    differences,
    notCompared: [],
    warnings: [],
    phases: [],
    observations: new Map(),
  };
}

function verdictsOf(mutations: readonly PlacedMutation[], ...differences: readonly Difference[]): string[] {
  const found = judge(mutations, comparison(...differences));
  return [...found.mutations.map(({ verdict }) => verdict), `${found.unexplained.length} unexplained`];
}

test('a difference that another mutation of the batch causes does not report a mutation at the same edge', () => {
  const both = [audiences, hidden];
  assert.deepEqual(verdictsOf(both, difference('refused', ofSidecar)), ['missed', 'reported', '0 unexplained']);
  assert.deepEqual(verdictsOf(both, difference('refused', ofSidecar), difference('allowed', ofAudiences)), [
    'reported',
    'reported',
    '0 unexplained',
  ]);
});

test('a difference without a cause, or with that of an object that is not mutated, is unexplained', () => {
  for (const wrong of [
    undefined,
    cause('RequestAuthentication', 'other', 'jwtRules[0].audiences'),
    cause('AuthorizationPolicy', 'cart', 'rules[0]'),
    cause('RequestAuthentication', 'cart', 'jwtRules[0].audiences', 'team'),
  ])
    assert.deepEqual(verdictsOf([audiences], difference('refused', wrong)), ['other cause', '1 unexplained']);
});

test('a difference that names the mutation among several possible causes is not a full report of it', () => {
  assert.deepEqual(verdictsOf([audiences], difference('refused', [ofSidecar, ofAudiences])), [
    'one of',
    '0 unexplained',
  ]);
});

test('a cause at another field of the mutated object is wrong, and one at a larger or smaller place is right', () => {
  const at = (place: string | undefined): string[] =>
    verdictsOf([audiences], difference('refused', cause('RequestAuthentication', 'cart', place)));
  for (const place of ['jwtRules[0].issuer', 'jwtRules[1]', 'selector', 'metadata.labels'])
    assert.deepEqual(at(place), ['other cause', '1 unexplained'], String(place));
  for (const place of [undefined, 'jwtRules', 'jwtRules[0]', 'jwtRules[0].audiences[1]'])
    assert.deepEqual(at(place), ['reported', '0 unexplained'], String(place));
});

test('a difference at an edge that the mutation does not concern is unexplained, even with the mutation as its cause', () => {
  const elsewhere = difference('refused', ofAudiences, 'admin', 'stock');
  assert.deepEqual(verdictsOf([audiences], elsewhere), ['missed', '1 unexplained']);
  assert.deepEqual(verdictsOf([hidden], difference('refused', ofSidecar, 'web')), ['missed', '1 unexplained']);
});

test('a difference of another kind that names the mutation as its cause is one of another kind', () => {
  assert.deepEqual(verdictsOf([audiences], difference('mirror', ofAudiences)), ['other kind', '0 unexplained']);
});

test('a place outside spec is that of metadata', () => {
  const dryRun = mutation('AuthorizationPolicy', 'metadata.annotations (dry-run)');
  const at = (place: string): string[] =>
    verdictsOf([dryRun], difference('allowed', cause('AuthorizationPolicy', 'cart', place)));
  assert.deepEqual(at('metadata.annotations'), ['reported', '0 unexplained']);
  assert.deepEqual(at('rules[0]'), ['other cause', '1 unexplained']);
});

test('each mutation of a field changes one object, of its kind', () => {
  for (const one of fieldMutations) {
    const objects = mutatedObjects(one.change(site, new Random(1)));
    assert.deepEqual(
      objects.map(({ kind }) => kind),
      [one.kind],
      `${one.kind} ${one.field}`,
    );
  }
});
