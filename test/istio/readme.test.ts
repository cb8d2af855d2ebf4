import assert from 'node:assert/strict';
import { test } from 'node:test';
import { masked } from '../repo/readme.ts';
import { runExamples } from './readme.ts';

test('the README shows what a mesh without a cluster prints (npm run readme:istio writes it)', async () => {
  const examples = await runExamples();
  assert.ok(examples.length >= 6);
  for (const { command, output, printed } of examples) assert.equal(maskedMesh(printed), maskedMesh(output), command);
});

/** Times of the proxies differ too, and which pod had its turn. */
function maskedMesh(output: string): string {
  return masked(output)
    .replaceAll(/proxy [\d.]+ ms/g, 'proxy T ms')
    .replaceAll(/\b\d+\.\d s\b/g, 'T s')
    .replaceAll(/[0-9a-f]{32}/g, 'TRACE')
    .replaceAll(/-[0-9a-f]{9}-[0-9a-f]{5}\b/g, '-POD')
    .replaceAll(/v\d \((service[23])-v\d-POD\)/g, 'V ($1-POD)')
    .replaceAll(/ +$/gm, '');
}
