import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFieldPath, parseFieldPath } from '../../../src/istio/apply/field-path.ts';
import { leftOutReasons } from '../../../src/istio/apply/left-out.ts';
import { problemsOf, problemText } from '../../../src/istio/apply/problems.ts';
import { deploymentOf } from '../../../src/istio/apply/rollout.ts';
import { withoutServerFields } from '../../../src/istio/apply/server-fields.ts';
import { kindsOf, pathOf } from '../../../src/istio/kube-api/kinds.ts';
import type { WatchEvent } from '../../../src/istio/kube-api/kube-client.ts';
import { KubeError, type Status } from '../../../src/istio/kube-api/kube-error.ts';
import { ObjectCache } from '../../../src/istio/kube-api/object-cache.ts';
import { warningsOf } from '../../../src/istio/kube-api/warnings.ts';
import type { KubeObject } from '../../../src/istio/resources/objects.ts';

describe('the client of the API server', () => {
  it('reads kinds and makes their paths', () => {
    const resource = { resource: 'things', scope: 'Namespaced', responseKind: { kind: 'Thing' } } as const;
    const [kind] = kindsOf({
      items: [{ metadata: { name: 'a.io' }, versions: [{ version: 'v1', resources: [resource] }] }],
    });
    assert.deepEqual(kind, { group: 'a.io', version: 'v1', kind: 'Thing', plural: 'things', namespaced: true });
    assert.ok(kind);
    assert.equal(
      pathOf(kind, { namespace: 'n', name: 'a b', subresource: 'status' }),
      '/apis/a.io/v1/namespaces/n/things/a%20b/status',
    );
    const core = { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false };
    assert.equal(pathOf(core, { namespace: 'default', name: 'n' }), '/api/v1/nodes/n');
  });

  it('reads warnings', () => {
    assert.deepEqual(warningsOf('299 - "a \\"b\\"", 299 kube "c, d", 299 - "c, d"'), ['a "b"', 'c, d']);
    assert.deepEqual(warningsOf(undefined), []);
  });
});

describe('a cache of objects', () => {
  const of = { apiVersion: 'v1', kind: 'Secret' };
  const secret = (name: string, resourceVersion: string): KubeObject => ({
    ...of,
    metadata: { name, namespace: 'n', resourceVersion },
  });

  it('lists again after a version that is too old, reports the differences, and checks waits again when asked', async () => {
    const stop = new AbortController();
    const lists = [
      [secret('same', '1'), secret('changed', '2'), secret('gone', '3')],
      [secret('same', '1'), secret('changed', '5'), secret('new', '6')],
    ];
    const versions: string[] = [];
    const server = {
      list: async () => ({ items: (lists.shift() ?? []) as never[], resourceVersion: String(10 - lists.length) }),
      watch: async (_: object, version: string, onEvent: (event: WatchEvent<never>) => void, signal: AbortSignal) => {
        versions.push(version);
        if (versions.length === 1) throw new KubeError(410, { reason: 'Expired' });
        if (versions.length === 2) {
          onEvent({ type: 'DELETED', object: secret('new', '11') as never });
          return '11';
        }
        const { promise, reject } = Promise.withResolvers<string>();
        signal.addEventListener('abort', () => reject(signal.reason));
        return promise;
      },
    };
    const cache = new ObjectCache(server, [of]);
    const seen: string[] = [];
    cache.onChange(({ type, object, previous }) => {
      seen.push(`${type} ${object.metadata.name} ${previous?.metadata.resourceVersion}`);
    });
    await cache.start(stop.signal);
    assert.equal(cache.all(of).length, 3);
    await cache.waitUntil(() => versions.length === 3 || seen.includes('DELETED new 6'), stop.signal);
    assert.deepEqual(seen.slice(3), ['DELETED gone 3', 'MODIFIED changed 2', 'ADDED new undefined', 'DELETED new 6']);
    assert.deepEqual(versions.slice(0, 2), ['9', '10']);
    assert.equal(cache.get(secret('changed', ''))?.metadata.resourceVersion, '5');
    let isNodeReady = false;
    const ready = cache.waitUntil(() => isNodeReady, stop.signal);
    isNodeReady = true;
    cache.checkAgain();
    await ready;
    stop.abort();
  });
});

describe('paths of fields', () => {
  for (const [text, path] of [
    ['spec.rules[0].matches[0].path.value', ['spec', 'rules', '0', 'matches', '0', 'path', 'value']],
    ['metadata.annotations[a.io/b]', ['metadata', 'annotations', 'a.io/b']],
  ] as const)
    it(`are read and written: ${text}`, () => {
      assert.deepEqual(parseFieldPath(text), path);
      assert.equal(formatFieldPath(path), text);
    });
});

describe('refusals of the API server', () => {
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: {
      containers: [
        {
          env: [
            { name: 'a', value: '1' },
            { name: 'b', value: 2 },
          ],
        },
      ],
      regex: '(',
      rules: [{}, {}],
      routes: [{ weight: -5 }, { weight: 7 }, { weight: 7, size: -5 }],
    },
  };
  const problems = (status: Status): string[] =>
    problemsOf(new KubeError(422, status), object).map((one) => `${one.path.join('/')}: ${problemText(one)}`);
  const denied = 'admission webhook "validation.istio.io" denied the request: configuration is invalid: ';

  for (const [name, status, expected] of [
    [
      'a rule in CEL',
      { details: { causes: [{ field: 'spec.a[0]', message: 'Invalid value: value must be absolute' }] } },
      ['spec/a/0: spec.a[0]: value must be absolute'],
    ],
    [
      'a schema, without the note about unchecked rules',
      {
        details: {
          causes: [
            { field: 'spec.a', message: 'Invalid value: "object": spec.a in body must be of type array: "object"' },
            { field: 'spec.b', message: 'Invalid value: "A_b": spec.b in body should match \'^a$\'' },
            { field: '<nil>', message: 'Invalid value: null: some validation rules were not checked because …' },
            { field: '<nil>', message: 'Invalid value: "": "spec.c[0]" must validate at least one schema (anyOf)' },
          ],
        },
      },
      [
        'spec/a: spec.a: must be of type array: "object"',
        'spec/b: spec.b: Invalid value: "A_b": should match \'^a$\'',
        'spec/c/0: spec.c[0]: "spec.c[0]" must validate at least one schema (anyOf)',
      ],
    ],
    [
      'unknown fields',
      {
        message:
          'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.x", unknown field "spec.y[0].z"',
      },
      ['spec/x: spec.x: unknown field "x"', 'spec/y/0/z: spec.y[0].z: unknown field "z"'],
    ],
    [
      'a wrong type, whose place in lists is found',
      { message: 'json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string' },
      ['spec/containers/0/env/1/value: spec.containers[0].env[1].value: expected a string, found a number'],
    ],
    [
      'several errors of istiod, with the fields that can be found',
      {
        message: `${denied}3 errors occurred:\n\t* "uri": missing closing ): \`(\`\n\t* bad, found at rule 1\n\t* other\n\n`,
      },
      [
        'spec/regex: spec.regex: istiod denies it: "uri": missing closing ): `(`',
        'spec/rules/1: spec.rules[1]: istiod denies it: bad, found at rule 1',
        ': istiod denies it: other',
      ],
    ],
    ['one error of istiod', { message: `${denied}no hosts` }, [': istiod denies it: no hosts']],
    [
      'the field of a number of istiod, if only one field has both',
      { message: `${denied}2 errors occurred:\n\t* weight -5 < 0\n\t* weight 7 < 9` },
      [
        'spec/routes/0/weight: spec.routes[0].weight: istiod denies it: weight -5 < 0',
        ': istiod denies it: weight 7 < 9',
      ],
    ],
    [
      'a webhook of others',
      { message: 'admission webhook "a.io" denied the request: no' },
      [': the webhook a.io denies it: no'],
    ],
    ['any other message', { message: 'quota exceeded' }, [': quota exceeded']],
  ] as const)
    it(`name fields: ${name}`, () => assert.deepEqual(problems(status), expected));
});

describe('objects of a live cluster', () => {
  const metadata = { name: 'a', namespace: 'n', uid: 'u', resourceVersion: '1', managedFields: [], finalizers: ['f'] };

  it('lose the fields of the server', () => {
    const service = {
      ...{ apiVersion: 'v1', kind: 'Service', metadata, status: {} },
      spec: {
        clusterIP: '10.0.0.1',
        clusterIPs: ['10.0.0.1'],
        ipFamilies: ['IPv6'],
        ports: [{ port: 1, nodePort: 30000 }],
      },
    };
    assert.deepEqual(withoutServerFields(service), {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'a', namespace: 'n' } },
      spec: { ports: [{ port: 1 }] },
    });
    const headless = withoutServerFields({ ...service, spec: { clusterIP: 'None', clusterIPs: ['None'] } });
    assert.deepEqual(headless.spec, { clusterIP: 'None' });
  });

  it('keep an address that a user wrote', () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' }, spec: { clusterIP: '10.96.1.1' } };
    assert.deepEqual(withoutServerFields(service), service);
  });

  it('are left out if a controller makes them here too', () => {
    const of = (kind: string, name: string, more: object = {}): KubeObject => ({
      apiVersion: kind === 'Pod' || kind === 'Service' ? 'v1' : 'apps/v1',
      kind,
      metadata: { name, namespace: 'n', ...more },
    });
    const owner = (kind: string, name: string): object => ({ ownerReferences: [{ kind, name, controller: true }] });
    const all = [
      { ...of('Deployment', 'd'), spec: { selector: { matchLabels: { app: 'd' } } } },
      of('ReplicaSet', 'd-1', owner('Deployment', 'd')),
      of('Pod', 'd-1-x', owner('ReplicaSet', 'd-1')),
      of('Pod', 'of-unlisted', { ...owner('ReplicaSet', 'd-2'), labels: { app: 'd' } }),
      of('Pod', 'alone', owner('ReplicaSet', 'other')),
      of('Pod', 'of-operator', owner('StrimziPodSet', 's')),
      of('Pod', 'bare'),
    ];
    const reasonOf = leftOutReasons(all);
    assert.deepEqual(
      all.filter((object) => reasonOf(object) === undefined).map((object) => object.metadata.name),
      ['d', 'alone', 'of-operator', 'bare'],
    );
  });

  it('include the Secrets of Gateways with TLS, but no tokens of service accounts', () => {
    const secrets: readonly KubeObject[] = ['kubernetes.io/tls', 'Opaque', 'kubernetes.io/service-account-token'].map(
      (type) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'istio-system' }, type }),
    );
    assert.deepEqual(secrets.map(leftOutReasons(secrets)), [undefined, undefined, 'tokens are made on request']);
  });

  it('include Rollouts, which become Deployments', () => {
    const rollout = (spec: object): KubeObject => ({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Rollout',
      metadata: { name: 'r' },
      spec,
    });
    const spec = { replicas: 2, selector: { matchLabels: {} }, template: {} };
    assert.deepEqual(deploymentOf(rollout({ ...spec, strategy: { canary: {} } })), {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'r' } },
      spec,
    });
    assert.equal(deploymentOf(rollout({ workloadRef: { kind: 'Deployment', name: 'd' } })), undefined);
  });
});
