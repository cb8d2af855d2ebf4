/** The cases of the Gateway API hold with their routes, and fail without them. */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { runProgram } from '../program.ts';

const folder = path.join(import.meta.dirname, '../../istio/gateway-api-cases');

test('every case of the Gateway API holds with its route, and fails without it', async () => {
  const { code, stdout, stderr } = await runProgram(['test', folder, '--contrast', '--meshes', '1', '--json']);
  const { files } = JSON.parse(stdout) as {
    files: {
      file: string;
      problem?: string;
      cases: { name: string; step?: string; outcome: string }[];
      untested?: object[];
    }[];
  };
  const failed = files.flatMap(({ file, problem, cases }) => [
    ...(problem === undefined ? [] : [`${file}: ${problem}`]),
    ...cases
      .filter(({ outcome }) => outcome !== 'passed')
      .map(({ name, step, outcome }) => `${step}: ${name}: ${outcome}`),
  ]);
  assert.deepEqual(failed, [], stderr);
  assert.equal(code, 0);
  assert.equal(files.length, globSync(path.join(folder, '*.test.yaml')).length);
  // No match, route or rule is left out.
  assert.deepEqual(
    files.flatMap(({ untested = [] }) => untested),
    [],
  );
});
