import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import { readIstioSettings } from '../../src/cli/files/istio-settings.ts';
import { readManifestSources } from '../../src/cli/files/manifest-sources.ts';
import { main, runProgram, runShell } from '../program.ts';

const isPosix = process.platform !== 'win32';

/** Creates a folder with a pipe to which no process writes, and removes it afterwards. */
function temporaryPipe(): { readonly pipe: string } & Disposable {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-files-'));
  const pipe = path.join(folder, 'pipe.yaml');
  execFileSync('mkfifo', [pipe]);
  return { pipe, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

suite('A command that reads a file', { skip: !isPosix, timeout: 60_000 }, () => {
  test('refuses a pipe to which no process writes, and a device without an end', async () => {
    using temporary = temporaryPipe();
    const { pipe } = temporary;
    for (const command of ['up', 'test', 'istio apply -f']) {
      const ofPipe = await runProgram([...command.split(' '), pipe]);
      assert.equal(ofPipe.stderr, `meshmock: ${pipe}: this is a pipe, and no process writes to it\n`, command);
      const ofDevice = await runProgram([...command.split(' '), '/dev/zero']);
      assert.equal(ofDevice.stderr, 'meshmock: /dev/zero: this is larger than 64 MB\n', command);
      assert.deepEqual([ofPipe.code, ofDevice.code], [2, 2]);
    }
  });

  test('refuses manifests and settings of Istio that are such files', () => {
    using temporary = temporaryPipe();
    assert.throws(() => readManifestSources([temporary.pipe]), /no process writes to it/);
    assert.throws(() => readManifestSources([path.dirname(temporary.pipe)]), /no process writes to it/);
    for (const setting of ['istioValues', 'meshConfig'] as const) {
      const values = { profile: undefined, istioValues: undefined, meshConfig: undefined };
      assert.throws(() => readIstioSettings({ ...values, [setting]: '/dev/zero' }), /is larger than 64 MB/);
    }
  });

  test('refuses standard input without an end', async () => {
    const { code, stderr } = await runShell(`exec "${process.execPath}" ${main} plan - < /dev/zero`);
    assert.equal(stderr, 'meshmock: standard input: this is larger than 64 MB\n');
    assert.equal(code, 2);
  });

  test('reads the pipe of a program that is slow', async () => {
    const slow = "<(sleep 0.3; echo 'services:'; sleep 0.3; echo '- nam: a')";
    const { code, stderr } = await runShell(`exec "${process.execPath}" ${main} up ${slow}`);
    assert.match(stderr, /^meshmock: \/dev\/fd\/\d+:2:3: expected one of name, /);
    assert.equal(code, 2);
  });
});
