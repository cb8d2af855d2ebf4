import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callerKey, type EdgeSet, edgesOf } from '../../src/diff/pieces/edges.ts';
import type { MeshSnapshot } from '../../src/diff/pieces/mesh-snapshot.ts';
import { cartRoute, shopOf } from './envoy-dump.ts';

const onlyAdmin = {
  'ns[shop]-policy[cart]-rule[0]': {
    permissions: [{ any: true }],
    principals: [{ authenticated: { principal_name: { exact: 'spiffe://cluster.local/ns/shop/sa/admin' } } }],
  },
};

describe('edges of two snapshots', () => {
  it('are equal after another start of the same mesh', () => {
    const edges = compare(shopOf({}, 1), shopOf({}, 2));
    assert.deepEqual([edges.edges, edges.changedEdges, edges.toProbe.length], [2, 0, 0]);
  });

  it('are equal if a route or a policy has another name', () => {
    const renamed = (name: string): object => ({ ...cartRoute, name, metadata: metadataOf(name) });
    const policy = { other: onlyAdmin['ns[shop]-policy[cart]-rule[0]'] };
    const before = shopOf({ routes: [renamed('old')], policies: onlyAdmin });
    assert.equal(compare(before, shopOf({ routes: [renamed('new')], policies: policy })).changedEdges, 0);
  });

  it('have one probe for callers with the same configuration', () => {
    const changed = shopOf({ routes: [{ ...cartRoute, route: { ...cartRoute.route, timeout: '1s' } }] });
    const { changedEdges, toProbe } = compare(shopOf({}), changed);
    assert.equal(changedEdges, 2);
    assert.deepEqual(callersIn(toProbe), [['shop/web-v1', 'shop/admin-v1']]);
  });

  it('have a probe for each identity that a policy of the callee asks for', () => {
    const { toProbe } = compare(shopOf({}), shopOf({ policies: onlyAdmin }));
    assert.deepEqual(callersIn(toProbe), [['shop/web-v1'], ['shop/admin-v1']]);
  });

  it('are all probed on request', () => {
    const mesh = shopOf({});
    assert.equal(edgesOf(mesh, mesh, { all: true, outside: '' }).toProbe.length, 1);
  });

  it('differ if an endpoint is another workload', () => {
    const mesh = shopOf({});
    const pods = mesh.pods.map((pod) =>
      pod.workload === 'cart-v1' ? { ...pod, labels: { app: 'cart', version: 'v2' } } : pod,
    );
    assert.equal(compare(mesh, { ...mesh, pods }).changedEdges, 2);
  });

  it('say which workloads exist only on one side', () => {
    const mesh = shopOf({});
    const { notCompared } = compare(mesh, { ...mesh, pods: mesh.pods.slice(1) });
    assert.deepEqual(notCompared, [
      { subject: 'calls of shop/web-v1', reason: 'the workload exists only in the old snapshot' },
    ]);
  });
});

function compare(before: MeshSnapshot, after: MeshSnapshot): EdgeSet {
  return edgesOf(before, after, { all: false, outside: '' });
}

function callersIn(edges: EdgeSet['toProbe']): string[][] {
  return edges.map(({ speaksFor }) => speaksFor.map(callerKey));
}

function metadataOf(name: string): object {
  return {
    filter_metadata: { istio: { config: `/apis/networking.istio.io/v1/namespaces/shop/virtual-service/${name}` } },
  };
}
