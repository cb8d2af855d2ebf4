import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { istioSamples, startLocalMesh } from '../local-mesh.ts';
import { assertAllTested, testEachPolicy } from '../policy-case.ts';
import { gatewayApiCases } from './bookinfo-gateway-api.ts';
import { networkingCases, skippedNetworking } from './bookinfo-networking.ts';
import { smallSampleCases } from './small-samples.ts';

test("Istio's own samples have their documented effect, unchanged", async (t) => {
  const samples = await istioSamples();
  await using mesh = await startLocalMesh([path.join(samples, 'bookinfo/platform/kube/bookinfo.yaml')]);
  await testEachPolicy(t, mesh, samples, [...networkingCases, ...gatewayApiCases, ...smallSampleCases]);
  await t.test('a folder with several versions of an object can be applied and deleted at once', async () => {
    const folder = path.join(samples, 'bookinfo/networking');
    const files = readdirSync(folder).map((file) => path.join(folder, file));
    await mesh.apply(...files);
    const { objects } = await mesh.delete(...files);
    const reviews = objects.filter(({ title }) => title === 'virtualservice.networking.istio.io/reviews');
    assert.deepEqual([...new Set(reviews.map(({ change }) => change))], ['deleted', 'not found']);
  });
  await t.test('the samples have no effect after their deletion', async () => {
    const response = await fetch(`http://${mesh.http('productpage')}/@reviews,details,ratings/x`);
    assert.equal(response.status, 200);
  });
});

test('every sample of Bookinfo is tested or skipped with a reason', async () => {
  const samples = await istioSamples();
  assertAllTested(samples, 'bookinfo/networking', networkingCases, skippedNetworking);
  assertAllTested(samples, 'bookinfo/gateway-api', gatewayApiCases, {});
});
