import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Crd, type Kind, Kinds } from '../../../src/istio/api/kinds.ts';
import { createApiServer } from '../../../src/istio/api/server.ts';
import { Store } from '../../../src/istio/api/store.ts';
import type { KubeObject } from '../../../src/istio/objects.ts';

const crd: Crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'serviceentries.networking.istio.io' },
  spec: {
    group: 'networking.istio.io',
    scope: 'Namespaced',
    names: { kind: 'ServiceEntry', plural: 'serviceentries' },
    versions: [{ name: 'v1' }],
  },
};

const entry: KubeObject = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name: 'ext', namespace: 'default' },
  spec: { hosts: ['api.example.com'] },
};

describe('a write of a status to the API', () => {
  const kinds = new Kinds([crd]);
  const kind = kinds.of(entry) as Kind;
  let store: Store;
  let server: ReturnType<typeof createApiServer>;

  beforeEach(async () => {
    store = new Store();
    store.put(kind, entry);
    server = createApiServer(store, kinds).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  const write = async (method: string, body: unknown): Promise<number> => {
    const { port } = server.address() as AddressInfo;
    const path = '/apis/networking.istio.io/v1/namespaces/default/serviceentries/ext/status';
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: JSON.stringify(body) });
    await response.body?.cancel();
    return response.status;
  };
  const stored = (): KubeObject | undefined => store.get(kind, 'default', 'ext');

  it('does not change the specification or the generation, even if the body has other fields', async () => {
    const body = {
      ...entry,
      spec: {},
      metadata: { name: 'ext', labels: { other: 'yes' } },
      status: { conditions: [1] },
    };
    assert.equal(await write('PUT', body), 200);
    const { spec, status, metadata } = stored() ?? {};
    assert.deepEqual({ spec, status }, { spec: entry.spec, status: { conditions: [1] } });
    assert.deepEqual([metadata?.generation, metadata?.labels], [1, undefined]);
  });

  // istiod's allocator of addresses sends the second patch if the first one is refused.
  it('accepts a JSON Patch, and refuses one whose test fails', async () => {
    const addresses = [{ value: '240.240.0.1', host: 'api.example.com' }];
    const replace = [
      { op: 'test', path: '/status/addresses', value: null },
      { op: 'replace', path: '/status/addresses', value: addresses },
    ];
    const add = [
      { op: 'test', path: '/status', value: null },
      { op: 'add', path: '/status', value: {} },
      { op: 'add', path: '/status/addresses', value: addresses },
    ];
    assert.equal(await write('PATCH', replace), 422);
    assert.equal(stored()?.status, undefined);
    assert.equal(await write('PATCH', add), 200);
    assert.deepEqual(stored()?.status, { addresses });
    assert.deepEqual(stored()?.spec, entry.spec);
    assert.equal(await write('PATCH', add), 422);
  });

  it('gets a 404 for an object that does not exist', async () => {
    store.remove(kind, 'default', 'ext');
    assert.equal(await write('PUT', entry), 404);
  });
});
