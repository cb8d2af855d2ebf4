import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from './pages.ts';

const names = { amd64: /amd64|x86[_-]64|linux-x64|'x64'/, arm64: /arm64|aarch64/ };

/** Lines that may name amd64 alone. */
const known = [
  // Only this platform of the image of the local mesh is published: docs/containers.md.
  '.github/workflows/publish.yaml: platforms: linux/amd64',
  // Other processors have the same name in Node.
  "src/istio/node/node-object.ts: architecture: process.arch === 'x64' ? 'amd64' : process.arch,",
];

test('no file of the images and of the tools names amd64 without arm64', () => {
  const files = globSync(['Dockerfile', 'compose.yaml', 'action.yml', '{.github,build,ci,kubernetes,src}/**/*'], {
    cwd: root,
    withFileTypes: true,
  }).filter((entry) => entry.isFile() && !entry.name.endsWith('.sum'));
  assert.ok(files.length > 500, `${files.length} files`);
  const found = files.flatMap((entry) => {
    const file = path.join(entry.parentPath, entry.name);
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines
      .filter((line) => names.amd64.test(line) && !names.arm64.test(line))
      .map((line) => `${path.relative(root, file)}: ${line.trim()}`);
  });
  assert.deepEqual(found.toSorted(), known);
});
