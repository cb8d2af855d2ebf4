import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { istioSamples, startTestMesh } from './local-mesh.ts';

test('a mesh that ends leaves another alone', async () => {
  const samples = await istioSamples();
  const hello = path.join(samples, 'helloworld/helloworld.yaml');
  const before = namespaces();
  await using other = await startTestMesh([hello]);
  {
    await using _ = await startTestMesh([hello]);
  }
  // A pod that starts and one that ends need the network namespaces by their names.
  await other.apply(path.join(samples, 'httpbin/httpbin.yaml'));
  const response = await fetch(`http://${other.http('httpbin')}/@helloworld/x`);
  assert.equal(response.status, 200);
  await other.delete(hello);
  assert.deepEqual(namespaces(), before);
});

/** The names of network namespaces that are this machine's own. */
function namespaces(): readonly string[] {
  try {
    return readdirSync('/run/netns').sort();
  } catch {
    return [];
  }
}
