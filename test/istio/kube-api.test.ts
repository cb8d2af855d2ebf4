import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { KubeError } from '../../src/istio/kube-api/kube-error.ts';
import { ObjectCache } from '../../src/istio/kube-api/object-cache.ts';
import { bindPod, createToken } from '../../src/istio/kube-api/subresources.ts';
import type { KubeObject, Pod } from '../../src/istio/resources/objects.ts';
import { toolsInNamespaces } from './kube-api/in-namespaces.ts';
import { clusterOfSuite } from './kube-api/test-cluster.ts';

const configMap = (name: string, data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

const tools = await toolsInNamespaces();

if (tools !== undefined)
  suite('the client of the API server', { timeout: 100_000 }, () => {
    const own = clusterOfSuite(tools);
    const { signal } = own;

    test('knows the kinds of the API server', () => {
      const { client } = own.cluster;
      assert.deepEqual(client.kindOf({ apiVersion: 'v1', kind: 'Pod' }), {
        group: '',
        version: 'v1',
        kind: 'Pod',
        plural: 'pods',
        namespaced: true,
      });
      assert.equal(client.kindOf({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' })?.plural, 'gateways');
      assert.equal(client.kindOf({ apiVersion: 'v1', kind: 'Unknown' }), undefined);
    });

    test('creates, reads, patches, replaces and deletes objects', async () => {
      const { client } = own.cluster;
      const object = configMap('crud', { a: '1' });
      const created = await client.create(object, {}, signal);
      assert.ok(created.object.metadata.uid);
      await assert.rejects(client.create(object, {}, signal), (error: unknown) => {
        assert.ok(error instanceof KubeError);
        assert.deepEqual([error.status, error.reason, error.code], [409, 'AlreadyExists', 'conflict']);
        return true;
      });
      await client.patch(object, { data: { b: '2' } }, 'merge', {}, signal);
      const found = await client.get(object, signal);
      assert.deepEqual(found?.data, { a: '1', b: '2' });
      await assert.rejects(client.update(created.object, {}, signal), { status: 409, reason: 'Conflict' });
      const applied = { ...configMap('crud', { c: '3' }) };
      await client.patch(object, applied, 'apply', {}, signal);
      const { items } = await client.list({ apiVersion: 'v1', kind: 'ConfigMap' }, signal, 'default');
      const listed = items.find(({ metadata }) => metadata.name === 'crud');
      assert.deepEqual(
        [listed?.apiVersion, listed?.kind, listed?.data],
        ['v1', 'ConfigMap', { a: '1', b: '2', c: '3' }],
      );
      assert.equal(await client.delete(object, {}, signal), true);
      assert.equal(await client.delete(object, {}, signal), false);
      assert.equal(await client.get(object, signal), undefined);
    });

    test('returns warnings, stores nothing in a dry run, and refuses unknown fields if it is strict', async () => {
      const { client } = own.cluster;
      const wrong = { ...configMap('wrong', {}), more: 1 };
      const { warnings } = await client.create(wrong, { dryRun: true, fieldValidation: 'Warn' }, signal);
      assert.deepEqual(warnings, ['unknown field "more"']);
      assert.equal(await client.get(wrong, signal), undefined);
      await assert.rejects(client.create(wrong, { fieldValidation: 'Strict' }, signal), { status: 400 });
    });

    test('binds pods and creates tokens', async () => {
      const { client } = own.cluster;
      const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'here' } };
      await client.create(node, {}, signal);
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'bound', namespace: 'default' },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      };
      const { object } = await client.create(pod, {}, signal);
      await bindPod(client, object, 'here', signal);
      const bound = await client.get<Pod>(pod, signal);
      assert.equal(bound?.spec.nodeName, 'here');
      const request = { namespace: 'default', serviceAccount: 'default', audiences: ['istio-ca'], seconds: 3600 };
      const token = await createToken(client, { ...request, boundPod: object }, signal);
      assert.match(token.token, /^ey/);
      assert.ok(Date.parse(token.expirationTimestamp) > Date.now());
      await client.delete(pod, { gracePeriodSeconds: 0 }, signal);
      assert.equal(await client.get(pod, signal), undefined);
    });

    test('keeps a cache up to date, in order', async () => {
      const { client } = own.cluster;
      const of = { apiVersion: 'v1', kind: 'ConfigMap' };
      const cache = new ObjectCache(client, [of, { apiVersion: 'v1', kind: 'Namespace' }]);
      const seen: string[] = [];
      cache.onChange(({ type, object, previous }) => {
        if (object.metadata.name.startsWith('seen'))
          seen.push(`${type} ${object.metadata.name} ${JSON.stringify(previous?.data)} ${JSON.stringify(object.data)}`);
      });
      const done = new AbortController();
      await cache.start(done.signal);
      assert.ok(cache.get({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } }));
      const object = configMap('seen', { n: '0' });
      await client.create(object, {}, signal);
      for (const n of ['1', '2']) await client.patch(object, { data: { n } }, 'merge', {}, signal);
      await client.delete(object, {}, signal);
      await client.create(configMap('seen-last', {}), {}, signal);
      await cache.waitUntil(() => cache.get(configMap('seen-last', {})) !== undefined, signal);
      done.abort();
      assert.deepEqual(seen, [
        'ADDED seen undefined {"n":"0"}',
        'MODIFIED seen {"n":"0"} {"n":"1"}',
        'MODIFIED seen {"n":"1"} {"n":"2"}',
        'DELETED seen {"n":"2"} {"n":"2"}',
        'ADDED seen-last undefined undefined',
      ]);
      await assert.rejects(
        cache.waitUntil(() => false, done.signal),
        { name: 'AbortError' },
      );
    });

    test('lists again after a watch whose version is too old', async () => {
      const { client } = own.cluster;
      const of = { apiVersion: 'v1', kind: 'Secret' };
      await assert.rejects(
        client.watch(of, '1', () => {}, signal),
        { status: 410 },
      );
    });
  });
