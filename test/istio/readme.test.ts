import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maskedMesh, maskedVersion, runExamples } from './readme.ts';

test('the README shows what a mesh without a cluster prints (npm run readme:istio writes it)', async () => {
  const examples = await runExamples();
  assert.ok(examples.length >= 6);
  for (const { command, output, printed } of examples) assert.equal(maskedDemo(printed), maskedDemo(output), command);
});

function maskedDemo(output: string): string {
  return ['service2', 'service3'].reduce(maskedVersion, maskedMesh(output));
}
