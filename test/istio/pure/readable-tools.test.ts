import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('tools that the user may not read are an error that says what to do', async () => {
  const cache = await mkdtemp(path.join(tmpdir(), 'meshmock-readable-'));
  try {
    const file = path.join(cache, 'cluster-1/etcd.db');
    await mkdir(path.dirname(file));
    await writeFile(file, '');
    const module = new URL('../../../src/istio/tools/install-tools.ts', import.meta.url).href;
    const script = `import { checkReadable } from '${module}';
      try { checkReadable(['${file}'], 4); console.log('readable'); } catch (error) { console.log(error.message); }`;
    // Root may read everything but for these capabilities.
    const capabilities = '-dac_override,-dac_read_search';
    const withoutThem = ['setpriv', `--bounding-set=${capabilities}`, `--inh-caps=${capabilities}`];
    const [program = '', ...args] = [
      ...(process.getuid?.() === 0 ? withoutThem : []),
      ...[process.execPath, '--input-type=module', '--eval', script],
    ];
    const check = async (): Promise<string> => (await promisify(execFile)(program, args)).stdout.trim();
    assert.equal(await check(), 'readable');
    await chmod(file, 0);
    assert.equal(
      await check(),
      `${file}: this user may not read it: run "chmod -R a+rX ${cache}" as the owner of these tools`,
    );
  } finally {
    await rm(cache, { recursive: true });
  }
});
