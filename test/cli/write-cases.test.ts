import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { readDiffSettings } from '../../src/cli/diff/diff-options.ts';
import { readSources } from '../../src/cli/diff/read-snapshots.ts';
import { checkNamedSources } from '../../src/cli/files/new-file.ts';
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

test('--write says before a mesh starts that the file cannot be written, or would replace a manifest', async () => {
  const manifest = path.join(folder, 'service.yaml');
  const text = 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n';
  writeFileSync(manifest, text);
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [['--write', path.join(folder, 'missing/cases.yaml')], /its folder does not exist/],
    [['--write', folder, '--overwrite'], /is a folder: expected the name of a file/],
    [['--write', manifest, '--overwrite'], /service\.yaml is one of the manifests/],
  ];
  for (const [flags, problem] of wrong)
    for (const operands of [
      ['test', manifest],
      ['diff', manifest, manifest],
    ]) {
      await using program = startProgram([...operands, ...flags]);
      assert.equal(await program.exited(), 2);
      assert.match(program.stderr, problem);
      assert.equal(readFileSync(manifest, 'utf8'), text);
    }
});

test('cases cannot be written for manifests from standard input, which no file of cases can name', () => {
  const sources = [{ name: 'standard input', text: '' }];
  assert.throws(() => checkNamedSources('cases.yaml', sources), {
    code: 'usage',
    message: /cannot read standard input/,
  });
});

test('files of cases next to the manifests of --manifests are left out, as in OLD and NEW', async () => {
  const shop = path.join(folder, 'shop');
  mkdirSync(shop);
  writeFileSync(path.join(shop, 'a.yaml'), 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\n');
  writeFileSync(path.join(shop, 'a_test.yaml'), 'cases: [{from: a, call: /@a, expect: a status = 200}]\n');
  const { before, after: changed } = await readSources(
    readDiffSettings([shop, shop, '--manifests', shop]),
    new AbortController().signal,
  );
  assert.deepEqual([...new Set([...before, ...changed].map(({ name }) => name))], [path.join(shop, 'a.yaml')]);
});
