/** Kustomizations among manifests, with a program in the place of kubectl that logs its calls. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSources } from '../../src/cli/diff/read-snapshots.ts';
import { readManifestsOfCases } from '../../src/cli/files/case-files.ts';
import { buildKustomization, buildKustomizations } from '../../src/cli/files/kustomizations.ts';
import { startProgram } from '../program.ts';

const never = new AbortController().signal;

/** Prints a ConfigMap. In the folder `remote` it starts a program that does not end, as Git without an answer. */
const program = `#!/bin/sh
echo "$2" >> "$LOG"
case $2 in
  *remote) sleep 600 & echo $! > "$PID"; wait ;;
  *wrong) echo 'no such base' >&2; exit 1 ;;
esac
echo '{ apiVersion: v1, kind: ConfigMap, metadata: { name: built } }'
`;

describe('a kustomization', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-kustomize-'));
  const [log, pidFile] = [path.join(folder, 'log'), path.join(folder, 'pid')];
  const [cwd, searched] = [process.cwd(), process.env.PATH];
  before(() => {
    for (const name of ['bin', 'k8s', 'remote', 'wrong']) mkdirSync(path.join(folder, name));
    writeFileSync(path.join(folder, 'bin/kubectl'), program, { mode: 0o755 });
    for (const name of ['k8s', 'remote', 'wrong']) writeFileSync(path.join(folder, name, 'kustomization.yaml'), '');
    symlinkSync('k8s', path.join(folder, 'link'));
    process.chdir(folder);
    Object.assign(process.env, { PATH: `${folder}/bin:${searched ?? ''}`, LOG: log, PID: pidFile });
  });
  after(() => {
    process.chdir(cwd);
    process.env.PATH = searched;
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => writeFileSync(log, ''));
  const calls = (): string[] => readFileSync(log, 'utf8').split('\n').filter(Boolean);

  it('is read once, whatever names mean it', async () => {
    const names = ['k8s', './k8s/', 'k8s/kustomization.yaml', path.join(folder, 'k8s'), 'link'];
    assert.deepEqual(
      readManifestsOfCases(names).map(({ name }) => name),
      ['kubectl kustomize k8s'],
    );
    assert.deepEqual(calls(), ['k8s']);
    const files = (name: string) => ({ kind: 'files', paths: [name] }) as const;
    const sources = { manifests: ['k8s'], before: files('./k8s'), after: files('k8s/kustomization.yaml') };
    const { before: old, after: changed } = await readSources(sources, never);
    assert.deepEqual([old.length, changed.length], [1, 1]);
  });

  it('that takes too long ends with everything that it has started, and the error says what to do', async () => {
    const slow =
      /^MeshmockError: remote: kubectl kustomize did not end within 0\.5 s: run `kubectl kustomize remote > FILE`/;
    await assert.rejects(buildKustomizations(['k8s', 'remote'], never, 500), slow);
    await ended();
    assert.throws(() => buildKustomization('remote', 500), slow);
    process.kill(Number(readFileSync(pidFile, 'utf8')));
  });

  it('that fails has the error of kubectl', async () => {
    const wrong = /^MeshmockError: wrong: kubectl kustomize failed: no such base$/;
    await assert.rejects(buildKustomizations(['wrong'], never), wrong);
    assert.throws(() => buildKustomization('wrong'), wrong);
  });

  it('ends with meshmock diff', async () => {
    rmSync(pidFile, { force: true });
    await using diff = startProgram(
      ['diff', 'remote', 'k8s'],
      { PATH: process.env.PATH ?? '', LOG: log, PID: pidFile },
      folder,
    );
    while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '') await sleep(20);
    diff.child.kill('SIGINT');
    assert.equal(await diff.exited(), 2);
    await ended();
  });

  /** Waits until the program that kubectl started has ended. */
  async function ended(): Promise<void> {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    while (isRunning(pid)) await sleep(20);
  }
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
