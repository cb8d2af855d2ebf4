import assert from 'node:assert/strict';
import { it } from 'node:test';
import { waitForEndedPods } from '../../../src/istio/host/ended-pods.ts';
import type { Pod } from '../../../src/istio/resources/objects.ts';

const never = new AbortController().signal;

function pod(name: string, deletionTimestamp?: string): Pod {
  const metadata = { name, namespace: 'shop', ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } } as Pod;
}

it('requests wait for the end of pods that were replaced, since kept connections lead to them', async () => {
  const now = new Date().toISOString();
  const looks = [[pod('old', now), pod('new')], [pod('old', now), pod('new')], [pod('new')]];
  let count = 0;
  await waitForEndedPods(async () => looks[count++] ?? [], never);
  assert.equal(count, 3);
});

it('a pod that does not end is an error with its name', async () => {
  const stays = async (): Promise<Pod[]> => [pod('old', new Date().toISOString())];
  await assert.rejects(waitForEndedPods(stays, never, 100), { code: 'timeout', message: /0\.1 s: shop\/old$/ });
});
