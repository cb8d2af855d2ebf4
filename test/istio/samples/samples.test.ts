import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { istioSamples, startTestMesh } from '../local-mesh.ts';
import { assertAllAccountedFor, showEach } from '../policy-case.ts';
import { gatewayApiCases } from './bookinfo-gateway-api.ts';
import { excusedNetworking, networkingCases } from './bookinfo-networking.ts';
import { smallSampleCases } from './small-samples.ts';

test("Istio's own samples, unchanged, do what they say", async (t) => {
  const samples = await istioSamples();
  await using bed = await startTestMesh([path.join(samples, 'bookinfo/platform/kube/bookinfo.yaml')]);
  await showEach(t, bed, samples, [...networkingCases, ...gatewayApiCases, ...smallSampleCases]);
  await t.test('a folder in which objects are there several times is applied and deleted at once', async () => {
    const folder = path.join(samples, 'bookinfo/networking');
    const files = readdirSync(folder).map((file) => path.join(folder, file));
    await bed.apply(...files);
    const { objects } = await bed.delete(...files);
    const reviews = objects.filter(({ title }) => title === 'virtualservice.networking.istio.io/reviews');
    assert.deepEqual([...new Set(reviews.map(({ change }) => change))], ['deleted', 'not found']);
  });
  await t.test('nothing of them is left once they are deleted', async () => {
    const response = await fetch(`http://${bed.http('productpage')}/@reviews,details,ratings/x`);
    assert.equal(response.status, 200);
  });
});

test('no sample of Bookinfo is forgotten', async () => {
  const samples = await istioSamples();
  assertAllAccountedFor(samples, 'bookinfo/networking', networkingCases, excusedNetworking);
  assertAllAccountedFor(samples, 'bookinfo/gateway-api', gatewayApiCases, {});
});
