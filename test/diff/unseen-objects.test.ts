import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cause } from '../../src/diff/cause.ts';
import { changedObjects } from '../../src/diff/causes/changed-objects.ts';
import { unseenObjects } from '../../src/diff/causes/unseen-objects.ts';
import { parseManifests } from '../../src/istio/resources/manifest.ts';

function unseen(
  before: string,
  after: string,
  causes: readonly Partial<Cause>[] = [],
  areEdgesUnshown = false,
): string[] {
  const [old, recent] = [before, after].map((text) => parseManifests([{ name: 'shop.yaml', text }]));
  const differences = causes.map((cause) => ({
    causes: [{ kind: '', namespace: 'default', name: '', place: undefined, where: undefined, ...cause }],
  }));
  return unseenObjects(changedObjects(old ?? [], recent ?? [], 'default'), differences, areEdgesUnshown).map(
    ({ subject, reason }) => `${subject}: ${reason}`,
  );
}

function object(apiVersion: string, kind: string, spec: string): string {
  return `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: shop\nspec: ${spec}\n`;
}

test('objects that change no request are listed with their names and places', () => {
  const telemetry = (share: number): string =>
    object('telemetry.istio.io/v1', 'Telemetry', `{ tracing: [{ randomSamplingPercentage: ${share} }] }`);
  const reason = 'it changed, and access logs, metrics and traces are not compared';
  assert.deepEqual(unseen(telemetry(10), telemetry(100)), [`Telemetry shop (shop.yaml:5): ${reason}`]);
  assert.deepEqual(unseen('', telemetry(100)), [`Telemetry shop (shop.yaml:1): ${reason}`]);
  assert.deepEqual(unseen(telemetry(10), telemetry(10)), [], 'equal');
  const certificate = (data: string): string =>
    `apiVersion: v1\nkind: Secret\nmetadata: { name: shop }\nstringData: { tls.crt: ${data} }\n`;
  assert.match(unseen(certificate('a'), certificate('b'))[0] ?? '', /^Secret shop .*proxies keep the certificates/);
});

test('objects that the configuration of proxies shows are not listed, except policies that only write logs', () => {
  const policy = (action: string): string => object('security.istio.io/v1', 'AuthorizationPolicy', action);
  assert.deepEqual(unseen(policy('{ action: ALLOW }'), policy('{ action: DENY }')), []);
  assert.equal(unseen('', policy('{ action: AUDIT }')).length, 1);
  assert.deepEqual(unseen('', object('v1', 'Service', '{ ports: [] }')), []);
  assert.deepEqual(unseen(policy('{ action: ALLOW }'), policy('{ action: DENY }'), [], true), [
    'AuthorizationPolicy shop (shop.yaml:5): it changed, and no request shows a difference that it caused',
  ]);
});

test('objects that caused a difference are not listed', () => {
  const filter = (value: string): string =>
    object('networking.istio.io/v1alpha3', 'EnvoyFilter', `{ configPatches: [${value}] }`);
  assert.equal(unseen(filter('{}'), filter('')).length, 1);
  assert.deepEqual(unseen(filter('{}'), filter(''), [{ kind: 'EnvoyFilter', name: 'shop' }]), []);
  assert.equal(unseen(filter('{}'), filter(''), [{ kind: 'EnvoyFilter', name: 'other' }]).length, 1);
});
