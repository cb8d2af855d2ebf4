import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { istioSamples, startLocalMesh } from './local-mesh.ts';

test('the end of a mesh does not affect another mesh', async () => {
  const samples = await istioSamples();
  const hello = path.join(samples, 'helloworld/helloworld.yaml');
  const before = namespaces();
  await using other = await startLocalMesh([hello]);
  {
    await using _ = await startLocalMesh([hello]);
  }
  // The start and the end of a pod need the names of network namespaces.
  await other.apply(path.join(samples, 'httpbin/httpbin.yaml'));
  const response = await fetch(`http://${other.http('httpbin')}/@helloworld/x`);
  assert.equal(response.status, 200);
  await other.delete(hello);
  assert.deepEqual(namespaces(), before);
});

/** Returns the names of the machine's network namespaces. */
function namespaces(): readonly string[] {
  try {
    return readdirSync('/run/netns').sort();
  } catch {
    return [];
  }
}
