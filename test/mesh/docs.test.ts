import assert from 'node:assert/strict';
import { test } from 'node:test';
import { masked } from '../repo/examples.ts';
import { readDocs } from '../repo/pages.ts';
import { runMeshPages } from './docs.ts';

test('the docs show what grpcurl and a Jaeger print (npm run docs:mesh writes it)', { timeout: 240_000 }, async () => {
  const runs = await runMeshPages(readDocs());
  assert.ok(runs.flatMap(({ examples }) => examples).length >= 3);
  for (const { page, examples } of runs)
    for (const { command, output, printed } of examples)
      assert.equal(masked(printed), masked(output), `${page.file}: ${command}`);
});
