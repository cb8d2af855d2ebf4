import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { isStale } from '../../src/cli/process/stale-build.ts';

test('a build is stale if any source is newer; other files do not count', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-stale-'));
  try {
    const put = async (name: string, at: number): Promise<string> => {
      const file = path.join(folder, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, '');
      await utimes(file, at, at);
      return file;
    };
    const built = await put('dist/cli/main.js', 2000);
    const sources = path.join(folder, 'src');
    assert.equal(isStale(built, sources), false, 'a package has no sources');
    await put('src/istio/tools/install.sh', 3000);
    await put('src/cli/main.ts', 1000);
    assert.equal(isStale(built, sources), false);
    await put('src/cli/below/call.ts', 3000);
    assert.equal(isStale(built, sources), true);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('this build is not stale, also if an incremental build left the main program unchanged', () => {
  const root = path.join(import.meta.dirname, '../..');
  const built = path.join(root, 'dist/cli/main.js');
  assert.equal(isStale(built, path.join(root, 'src')), false, 'run npm run build before the tests');
});
