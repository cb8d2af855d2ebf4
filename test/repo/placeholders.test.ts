import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { readPage, root } from './pages.ts';

/** The placeholder in two parts, so that a replacement of all placeholders keeps this test. */
const placeholder = new RegExp(`\\b${'OWN'}${'ER'}\\b`, 'g');

/** Files that are published, or that a command of the docs names. */
const files = globSync(
  [
    ...['*', '.ci/*', '.github/**/*', 'build/*', 'ci/**/*', 'docs/**/*', 'istio/**/*', 'kubernetes/**/*', 'proto/**/*'],
    ...['src/**/*', 'test/**/*.ts'],
  ],
  { cwd: root, withFileTypes: true, exclude: ({ name }) => name === 'node_modules' || name === 'dist' },
)
  .filter((entry) => entry.isFile())
  .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));

test('CONTRIBUTING.md lists each place that has the placeholder of the account', () => {
  const { text } = readPage('CONTRIBUTING.md');
  const section = text.split('\n### ').find((part) => part.startsWith('Before the first release\n')) ?? '';
  const listed = [...section.matchAll(/^\| `([^`]+)` \| (\d+) \|/gm)].map(
    ([, file = '', places]) => `${file}: ${places}`,
  );
  const found = files
    .filter((file) => file !== 'CONTRIBUTING.md')
    .map((file) => ({ file, places: readFileSync(path.join(root, file), 'utf8').match(placeholder)?.length ?? 0 }))
    .filter(({ places }) => places > 0)
    .map(({ file, places }) => `${file}: ${places}`);
  assert.ok(files.length > 800, `${files.length} files`);
  assert.deepEqual(listed, found.toSorted());
});

test('the image of the local mesh has the version of the package in docs/ci.md', () => {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  const versions = [...readPage('docs/ci.md').text.matchAll(/meshmock\/mesh:(\d\S*?)"?(?:,|$)/gm)];
  assert.ok(versions.length > 0);
  for (const [, found] of versions) assert.equal(found, version);
});
