import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startBed } from './bed.ts';
import { routeTo, virtualService, workload } from './manifests.ts';

describe('a mesh without a cluster', () => {
  it('carries calls through sidecars', async () => {
    await using bed = await startBed(['istio/demo/services.yaml', 'istio/demo/ingress.yaml']);
    const response = await fetch(`http://${bed.http('gateway')}/@service1/@grpc:service4/x`);
    assert.equal(response.status, 200);
  });

  it('says each time which pod cannot start, until it is deleted, and waits for no such pod', async () => {
    await using bed = await startBed(['istio/demo/services.yaml']);
    const hopeless = {
      name: 'hopeless.yaml',
      text: workload('hopeless', { annotations: { 'proxy.istio.io/config': 'proxyBootstrapTemplatePath: /nowhere' } }),
    };
    const ended = /the proxy of pod hopeless-\S+ ended/;
    await assert.rejects(bed.apply(hopeless), ended);
    const late = { name: 'late.yaml', text: virtualService(`timeout: 1s, ${routeTo()}`) };
    await assert.rejects(bed.apply(late), ended);
    await bed.delete(hopeless);
    const { objects } = await bed.apply(late);
    assert.deepEqual(objects, [{ title: 'virtualservice.networking.istio.io/service4', change: 'unchanged' }]);
  });
});
