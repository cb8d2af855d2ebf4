import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unrunObjects } from '../../src/diff/engine/unrun-objects.ts';
import { parseManifests } from '../../src/istio/resources/manifest.ts';

/** Returns what is listed as `SUBJECT: REASON`. */
function listed(before: string, after: string): string[] {
  const parse = (text: string) => parseManifests([{ name: 'a.yaml', text }]);
  return unrunObjects(parse(before), parse(after), 'default').map(({ subject, reason }) => `${subject}: ${reason}`);
}

function deployment(name: string, container: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec: { selector: { matchLabels: { app: a } }, template: { metadata: { labels: { app: a } }, spec: { containers: [${container}] } } }`;
}

function object(apiVersion: string, kind: string, rest: string, metadata = ''): string {
  return `{ apiVersion: ${apiVersion}, kind: ${kind}, metadata: { name: one${metadata} }, ${rest} }`;
}

test('containers that differ are listed, those of several workloads together, and nothing for equal ones', () => {
  const both = (image: string): string =>
    [deployment('cart', `{ name: a, image: "${image}" }`), deployment('stock', `{ name: a, image: "${image}" }`)].join(
      '\n---\n',
    );
  assert.deepEqual(listed(both('a:1'), both('a:2')), [
    'image of containers of Deployment cart, Deployment stock: mocks run in their place',
  ]);
  assert.deepEqual(listed(both('a:1'), both('a:1')), []);
  const probed = deployment(
    'cart',
    '{ name: a, image: a, env: [{ name: A, value: b }], readinessProbe: { httpGet: {} } }',
  );
  assert.deepEqual(listed(deployment('cart', '{ name: a, image: a }'), probed), [
    'env, readinessProbe of containers of Deployment cart: mocks run in their place',
  ]);
});

test('settings of a container of meshmock apply to the mock, and are not listed', () => {
  const mock = (args: string): string => deployment('cart', `{ name: a, image: meshmock, args: [serve, ${args}] }`);
  assert.deepEqual(listed(mock('--behaviour=/~status=503'), mock('--behaviour=/~status=500')), []);
});

test('objects that nothing in a local mesh enforces or reads are listed', () => {
  const cases: [string, string, RegExp | undefined][] = [
    [
      '',
      object('networking.k8s.io/v1', 'NetworkPolicy', 'spec: { podSelector: {} }'),
      /^NetworkPolicy one: .*network plugin/,
    ],
    [
      '',
      object('cilium.io/v2', 'CiliumNetworkPolicy', 'spec: {}'),
      /^CiliumNetworkPolicy one: nothing in a local mesh reads/,
    ],
    [
      '',
      object('networking.istio.io/v1beta1', 'ProxyConfig', 'spec: { concurrency: 1 }'),
      /^ProxyConfig one: .*start later/,
    ],
    ['', object('v1', 'ConfigMap', 'data: { a: b }'), /^ConfigMap one: programs in containers/],
    ['', object('v1', 'Secret', 'data: { password: YQ== }'), /^Secret one: programs in containers/],
    // A certificate is compared as a part of the proxies that have it.
    ['', object('v1', 'Secret', 'type: kubernetes.io/tls, data: { tls.crt: YQ== }'), undefined],
    ['', object('networking.istio.io/v1', 'VirtualService', 'spec: { hosts: [a] }'), undefined],
    ['', object('rbac.authorization.k8s.io/v1', 'Role', 'rules: []'), undefined],
    ['', object('v1', 'Namespace', 'spec: {}', ', labels: { istio-injection: enabled }'), undefined],
  ];
  for (const [before, after, expected] of cases)
    for (const found of [listed(before, after), listed(after, before)])
      if (expected === undefined) assert.deepEqual(found, [], after);
      else assert.match(found.join('\n'), expected);
});

test('labels of a namespace are listed if Istio reads them', () => {
  const namespace = (labels: string): string => object('v1', 'Namespace', 'spec: {}', `, labels: { ${labels} }`);
  assert.match(
    listed(namespace('istio-injection: enabled'), namespace('istio-injection: disabled'))[0] ?? '',
    /^Namespace one: its labels apply to pods that start later/,
  );
  assert.deepEqual(listed(namespace('team: a'), namespace('team: b')), []);
});

test('init containers and other parts of pods that no local mesh runs are listed', () => {
  const pod = (rest: string): string => deployment('cart', `{ name: a, image: a }], ${rest} serviceAccountName: [cart`);
  const plain = pod('');
  assert.deepEqual(
    listed(
      pod('initContainers: [{ name: wait, image: "a:1" }],'),
      pod('initContainers: [{ name: wait, image: "a:2" }],'),
    ),
    ['image of init containers of Deployment cart: a local mesh runs only those of Istio'],
  );
  assert.deepEqual(listed(plain, pod('initContainers: [{ name: wait, image: a }],')), [
    'number of init containers of Deployment cart: a local mesh runs only those of Istio',
  ]);
  assert.deepEqual(listed(plain, pod('nodeSelector: { disk: ssd }, terminationGracePeriodSeconds: 60,')), [
    'nodeSelector, terminationGracePeriodSeconds of pods of Deployment cart: a local mesh does not use them, or only for files of mocks',
  ]);
  assert.deepEqual(listed(plain, pod('dnsPolicy: Default,')), [], 'requests show it');
  const stored =
    'restartPolicy: Always, securityContext: {}, terminationGracePeriodSeconds: 30, schedulerName: default-scheduler,';
  assert.deepEqual(listed(plain, pod(stored)), [], 'an API server fills these in');
});
