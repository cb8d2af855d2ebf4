import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDocs } from '../repo/pages.ts';
import { maskedMesh, maskedVersion, runIstioPages } from './docs.ts';

test('the docs show what a local mesh prints (npm run docs:istio writes it)', async () => {
  const runs = await runIstioPages(readDocs());
  assert.ok(runs.flatMap(({ examples }) => examples).length >= 6);
  for (const { page, examples } of runs)
    for (const { command, output, printed } of examples)
      assert.equal(maskedDemo(printed), maskedDemo(output), `${page.file}: ${command}`);
});

function maskedDemo(output: string): string {
  return ['service2', 'service3'].reduce(maskedVersion, maskedMesh(output));
}
