import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readTestSettings } from '../../src/cli/test/test-options.ts';
import { startProgram } from '../program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-write-'));
after(() => rmSync(folder, { recursive: true }));

test('flags that run cases contradict --write, and --overwrite needs it', () => {
  for (const flag of ['--watch', '--contrast', '--json', '--keep', '--entry=http://localhost:1'])
    assert.throws(() => readTestSettings(['--write', 'new.yaml', flag, 'k8s']), {
      code: 'usage',
      message: `--write writes cases, and ${flag.replace(/=.*/, '')} is for running them: remove one of them`,
    });
  assert.throws(() => readTestSettings(['--overwrite', 'k8s']), { code: 'usage', message: /add --write FILE/ });
  assert.throws(() => readTestSettings(['--write', 'new.yaml']), { code: 'usage', message: /expected the manifests/ });
  const { write, names } = readTestSettings(['--write', 'new.yaml', '--overwrite', 'k8s']);
  assert.deepEqual([write, names], ['new.yaml', ['k8s']]);
});

test('--write of test and of diff replaces no file without --overwrite, and says so before a mesh starts', async () => {
  const file = path.join(folder, 'cases.yaml');
  writeFileSync(file, 'precious');
  for (const command of [
    ['test', '--write', file, folder],
    ['diff', '--write', file, folder, folder],
  ]) {
    await using program = startProgram(command);
    assert.equal(await program.exited(), 2);
    assert.match(program.stderr, /cases\.yaml exists: choose another name, or replace it with --overwrite/);
    assert.equal(readFileSync(file, 'utf8'), 'precious');
  }
});
