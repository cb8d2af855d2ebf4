/** What other users of the machine can do with a local mesh. */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { MeshFolder } from '../../src/istio/host/mesh-folder.ts';
import { folderOf } from '../../src/istio/host/mesh-places.ts';
import { startLocalMesh } from './local-mesh.ts';
import { workload } from './manifests.ts';

/** Starts a script of Node as a user without any rights (`nobody`). */
function spawnAsOther(script: string): ChildProcessByStdio<null, Readable, null> {
  const drop = 'process.setgroups([]); process.setgid(65534); process.setuid(65534);';
  return spawn(process.execPath, ['-e', `${drop} ${script}`], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Runs a script of Node as another user. Returns what it prints. */
async function asOther(script: string): Promise<string> {
  return (await text(spawnAsOther(script).stdout)).trim();
}

/** Returns what an action throws for another user. */
function errorOfOther(action: string): Promise<string> {
  return asOther(`try { ${action} } catch ({ code }) { console.log(code) }`);
}

suite('another user of the machine', () => {
  test('can neither write to the files of a mesh nor reach its sockets', async () => {
    await using mesh = await startLocalMesh([{ name: 'app', text: workload('app') }]);
    const files = globSync('**', { cwd: mesh.host.folder, exclude: ['tools/**'] }).map((file) =>
      path.join(mesh.host.folder, file),
    );
    const writable = files.filter((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat !== undefined && !stat.isSocket() && (stat.mode & 0o022) !== 0;
    });
    assert.deepEqual(writable, []);
    const sockets = files.filter((file) => statSync(file, { throwIfNoEntry: false })?.isSocket());
    assert.ok(sockets.length >= 4, sockets.join('\n'));
    const connectAll = `
      for (const path of ${JSON.stringify(sockets)})
        require('net').connect(path).on('error', ({ code }) => console.log(code)).on('connect', () => console.log(path));`;
    assert.deepEqual(new Set((await asOther(connectAll)).split('\n')), new Set(['EACCES']));
    const logs = files.filter((file) => /\.proxy\.log$/.test(file));
    assert.ok(logs.length > 0);
    for (const log of logs) {
      assert.equal(await errorOfOther(`fs.appendFileSync('${log}', 'x')`), 'EACCES');
      assert.match(readFileSync(log, 'utf8'), /Envoy proxy is ready/);
    }
  });

  test('cannot keep a mesh from starting', async () => {
    const name = `lock-${process.pid}`;
    const squatter = spawnAsOther(
      `require('net').createServer().listen('\\0meshmock-istio-${name}', () => console.log('ready'));`,
    );
    await once(squatter.stdout, 'data');
    try {
      const folder = await MeshFolder.take(name);
      try {
        assert.equal(await errorOfOther(`fs.openSync('${folderOf(name)}')`), 'EACCES');
        await assert.rejects(MeshFolder.take(name), /is already up/);
      } finally {
        folder.release();
      }
      (await MeshFolder.take(name)).release();
    } finally {
      squatter.kill();
    }
  });

  test('cannot lead the folder of meshes without root to other files', async () => {
    // A short path, as a socket needs.
    const temporary = mkdtempSync('/tmp/link-');
    const kept = path.join(temporary, 'home/kept');
    const module = (name: string): string => path.join(import.meta.dirname, '../../src/istio/host', name);
    // Modules are loaded before: the user may not be allowed to read the checkout.
    const asUser = (use: string): Promise<string> =>
      text(
        spawn(
          process.execPath,
          [
            '-e',
            `Promise.all([import('${module('mesh-folder.ts')}'), import('${module('mesh-places.ts')}')]).then(async ([folder, places]) => {
              process.setgroups([]); process.setgid(65534); process.setuid(65534);
              console.log(await (async () => { ${use} })().catch(({ message }) => message));
            })`,
          ],
          { env: { TMPDIR: temporary, PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'inherit'] },
        ).stdout,
      );
    try {
      chmodSync(temporary, 0o1777);
      mkdirSync(kept, { recursive: true });
      for (const folder of [path.dirname(kept), kept]) chownSync(folder, 65_534, 65_534);
      symlinkSync(path.dirname(kept), path.join(temporary, 'meshmock-65534'));
      assert.match(
        await asUser("await folder.MeshFolder.take('x'); return 'taken'"),
        /belongs to another user: remove it/,
      );
      assert.ok(existsSync(kept));
      // A socket there could answer with any kubeconfig.
      mkdirSync(path.join(kept, '../mesh'));
      assert.equal(await asUser("return places.runningFolderOf('mesh')"), '/run/meshmock/mesh\n');
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });
});
