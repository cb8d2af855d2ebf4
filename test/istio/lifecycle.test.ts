import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startBed } from './bed.ts';

describe('a mesh without a cluster', () => {
  it('carries calls through sidecars', async () => {
    await using bed = await startBed(['istio/demo/services.yaml', 'istio/demo/ingress.yaml']);
    const response = await fetch(`http://${bed.http('gateway')}/@service1/@grpc:service4/x`);
    assert.equal(response.status, 200);
  });
});
