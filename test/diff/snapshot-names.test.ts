import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readSnapshotSources } from '../../src/cli/diff/read-snapshots.ts';
import { parseSnapshots } from '../../src/cli/diff/snapshot-names.ts';

const never = new AbortController().signal;

describe('operands of meshmock diff', () => {
  it('are two files or folders', () => {
    assert.deepEqual(parseSnapshots(['old', 'new'], undefined), {
      before: { kind: 'files', paths: ['old'] },
      after: { kind: 'files', paths: ['new'] },
    });
  });

  it('are revisions before --, and the working tree if there is one revision', () => {
    const revision = (name: string) => ({ kind: 'revision', revision: name, paths: ['k8s'] });
    const files = { kind: 'files', paths: ['k8s'] };
    assert.deepEqual(parseSnapshots(['main'], ['k8s']), { before: revision('main'), after: files });
    assert.deepEqual(parseSnapshots(['a', 'b'], ['k8s']), { before: revision('a'), after: revision('b') });
    assert.deepEqual(parseSnapshots(['a..b'], ['k8s']), { before: revision('a'), after: revision('b') });
    assert.deepEqual(parseSnapshots(['a..'], ['k8s']), { before: revision('a'), after: revision('HEAD') });
  });

  it('are refused if there are too few or too many', () => {
    assert.throws(() => parseSnapshots(['old'], undefined), /expected/);
    assert.throws(() => parseSnapshots(['a', 'b', 'c'], undefined), /found a third: "c"/);
    assert.throws(() => parseSnapshots([], ['k8s']), /expected a revision before --/);
    assert.throws(() => parseSnapshots(['main'], []), /expected a path after --/);
  });

  it('are refused with three dots, which mean the common ancestor in Git', () => {
    const merged = /git merge-base main HEAD\) HEAD -- PATH/;
    assert.throws(() => parseSnapshots(['main...'], ['k8s']), merged);
  });
});

describe('manifests of a revision', () => {
  const repository = mkdtempSync(path.join(tmpdir(), 'meshmock-diff-test-'));
  const file = path.join(repository, 'k8s/cart.yaml');
  const git = (...args: string[]): void => {
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.com', '-c', 'init.defaultBranch=main'];
    execFileSync('git', [...identity, ...args], { cwd: repository, stdio: 'ignore' });
  };
  const cwd = process.cwd();
  before(() => {
    mkdirSync(path.join(repository, 'k8s'));
    git('init');
    writeFileSync(file, configMap('one'));
    git('add', '.');
    git('commit', '-m', 'one');
    git('tag', 'v1');
    writeFileSync(path.join(repository, '.gitattributes'), 'k8s/* export-ignore');
    git('add', '.');
    git('commit', '-m', 'attributes');
    git('tag', 'attributes');
    writeFileSync(file, 'kind: [');
    git('commit', '-am', 'broken');
    writeFileSync(file, configMap('two'));
    process.chdir(repository);
  });
  after(() => {
    process.chdir(cwd);
    rmSync(repository, { recursive: true });
  });

  it('are read from Git, and the working tree stays as it is', async () => {
    const [old] = await readSnapshotSources({ kind: 'revision', revision: 'v1', paths: ['k8s'] }, never);
    assert.deepEqual(old, { name: 'v1:k8s/cart.yaml', text: configMap('one') });
    assert.equal(readFileSync(file, 'utf8'), configMap('two'));
  });

  it('are all files of the revision, also those that archives leave out', async () => {
    const names = await readSnapshotSources({ kind: 'revision', revision: 'attributes', paths: ['k8s'] }, never);
    assert.deepEqual(
      names.map(({ name }) => name),
      ['attributes:k8s/cart.yaml'],
    );
  });

  it('are refused with the revision, the file and the line if they are not YAML', async () => {
    await assert.rejects(
      () => readSnapshotSources({ kind: 'revision', revision: 'HEAD', paths: ['k8s'] }, never),
      /^MeshmockError: HEAD:k8s\/cart\.yaml:1:/,
    );
  });

  it('are refused if the revision or the path does not exist', async () => {
    const read = (revision: string, name: string) => () =>
      readSnapshotSources({ kind: 'revision', revision, paths: [name] }, never);
    await assert.rejects(read('nothing', 'k8s'), /"nothing" is not a revision/);
    await assert.rejects(read('v1', 'elsewhere'), /v1:elsewhere: no such file or folder/);
    await assert.rejects(read('v1', '/'), /outside of the Git repository/);
  });

  it('need -- and a path after a revision', async () => {
    const read = (name: string) => () => readSnapshotSources({ kind: 'files', paths: [name] }, never);
    await assert.rejects(
      read('v1..HEAD'),
      /"v1\.\.HEAD" is a revision of Git: write `meshmock diff v1\.\.HEAD -- PATH`/,
    );
    await assert.rejects(read('elsewhere'), /elsewhere: no such file or folder/);
  });
});

function configMap(value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cart\ndata:\n  value: ${value}\n`;
}
