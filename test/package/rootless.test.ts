/** The packed program of a user without root and with an empty home: everything runs, and nothing is left. */
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { installMeshTools } from '../../src/istio/tools/install-tools.ts';
import { programNode } from '../program.ts';
import { installTestTools } from '../tools/installed.ts';
import { install, pack, ran, started } from './packed.ts';

const signal = new AbortController().signal;
const user = `meshmock-${process.pid}`;
/** Longest time of an orderly end, in milliseconds. */
const longestEndMs = 30_000;

describe('a user without root', { skip: process.getuid?.() !== 0 && 'only root can create a user' }, () => {
  const work = realpathSync(mkdtempSync(path.join(tmpdir(), 'meshmock-rootless-')));
  const home = path.join(work, 'home');
  const tools = path.join(work, 'tools');
  const env = { HOME: home, USER: user, MESHMOCK_TOOLS: tools, PATH: `${path.dirname(programNode)}:/usr/bin:/bin` };
  let program = '';
  let kubectl = '';
  let initial: readonly string[] = [];

  const asUser = (...command: string[]): [string, string[]] => [
    'setpriv',
    ['--reuid', user, '--regid', user, '--init-groups', ...command],
  ];
  const meshmock = (...args: string[]) => ran(...asUser(program, ...args), { cwd: home, env });

  /** Starts the program as the user, and waits until it prints a text. */
  async function running(args: readonly string[], pattern: RegExp) {
    const { child, match, ended } = await started(...asUser(program, ...args), { cwd: home, env }, pattern);
    return {
      match,
      async end(): Promise<void> {
        const begun = performance.now();
        child.kill('SIGINT');
        await ended;
        assert.ok(performance.now() - begun < longestEndMs);
      },
    };
  }

  /** Returns the files of the user and of its range of ids outside of the test's own folder. */
  async function filesOfUser(): Promise<string[]> {
    const { stdout: ids } = await ran(
      'sh',
      ['-c', `id -u ${user}; sed -n 's/^${user}:\\([0-9]*\\):.*/\\1/p' /etc/subuid`],
      {
        cwd: work,
      },
    );
    const [uid, first] = ids.trim().split('\n').map(Number);
    assert.ok(uid && first, ids);
    const owned = ['(', '-uid', `${uid}`, '-o', '-uid', `+${first - 1}`, '-uid', `-${first + 65_536}`, ')'];
    const places = ['/tmp', '/var/tmp', '/run', '/dev/shm', '/etc', '/home'];
    // Node keeps compiled code for the next start in a temporary folder.
    const left = ['(', '-path', work, '-o', '-path', '*/node-compile-cache', ')', '-prune', '-o', ...owned, '-print'];
    const { stdout } = await ran('find', [...places, ...left], { cwd: work });
    return stdout.split('\n').filter((line) => line !== '');
  }

  /** Waits until the user has no process. One that has ended may wait for its parent to read its exit code. */
  async function assertNoProcess(): Promise<void> {
    const until = performance.now() + longestEndMs;
    for (;;) {
      const { stdout } = await ran('ps', ['-u', user, '-o', 'stat=,pid=,args='], { cwd: work });
      const alive = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('Z'));
      if (alive.length === 0) return;
      assert.ok(performance.now() < until, alive.join('\n'));
      await setTimeout(100);
    }
  }

  before(async () => {
    chmodSync(work, 0o755);
    program = await install(await pack(work), path.join(work, 'program'), path.join(work, 'npm-home'));
    await installMeshTools(signal).then(({ istiod, envoy, jaeger, kube, istioctl, data }) => {
      for (const file of [istiod, envoy, jaeger, kube, istioctl]) copyTool(path.dirname(file));
      copyTool(data);
    });
    kubectl = path.join((await installTestTools(['kubectl'])).kubectl, 'bin/kubectl');
    const { code, stderr } = await ran('useradd', ['--no-create-home', '--home-dir', home, user], { cwd: work });
    assert.equal(code, 0, stderr);
    mkdirSync(home, { mode: 0o700 });
    await ran('chown', [user, home], { cwd: work });
    initial = await filesOfUser();
  });
  after(async () => {
    await ran('userdel', [user], { cwd: work });
    rmSync(work, { recursive: true });
  });

  function copyTool(folder: string): void {
    const copy = path.join(tools, path.basename(folder));
    cpSync(folder, copy, { recursive: true });
    // A cache that older versions made has files that only root can read.
    for (const name of readdirSync(copy)) if (name === 'etcd.db') chmodSync(path.join(copy, name), 0o644);
  }

  test('runs a mesh of processes and calls it', async () => {
    const mesh = await running(['up', '--http', 'localhost:0', '--grpc', 'localhost:0'], /gateway +http \S+/);
    const [, address = ''] = /gateway +http (\S+)/.exec(mesh.match.input) ?? [];
    const { code, stdout } = await meshmock('call', `${address}/@service1/@grpc:service3/x`);
    assert.equal(code, 0, stdout);
    await mesh.end();
  });

  test('runs a real Istio, which kubectl and calls reach from outside, and ends it', async () => {
    const free = ['http', 'grpc', 'jaeger', 'metrics'].flatMap((name) => [`--${name}`, 'localhost:0']);
    const [lab = ''] = (await meshmock('labs', '--path')).stdout.split('\n');
    const mesh = await running(['istio', 'up', '-f', `${lab}/mesh.yaml`, ...free], /up in/);
    const [, address = ''] = /gateway +http (\S+)/.exec(mesh.match.input) ?? [];
    const call = await meshmock('call', `${address}/@service2/@service4/x`, '--expect', 'service2 mtls = yes');
    assert.equal(call.code, 0, call.stdout + call.stderr);
    const { stdout: exported } = await meshmock('istio', 'env');
    const [, kubeconfig = ''] = /^export KUBECONFIG=(\S+)/.exec(exported) ?? [];
    const [file, args] = asUser(
      kubectl,
      '--kubeconfig',
      kubeconfig,
      '--cache-dir',
      path.join(work, 'kube'),
      'get',
      'pods',
    );
    assert.match((await ran(file, args, { cwd: home, env })).stdout, /service4-v1\S+ +2\/2 +Running/);
    await mesh.end();
    await assertNoProcess();
    assert.deepEqual(await filesOfUser(), initial);
  });

  test('runs the cases of a lab', async () => {
    const { code, stdout, stderr } = await meshmock('labs', 'request-routing', '--check');
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /\d+ passed in/);
  });

  test('reads which setting forbids it', async () => {
    const noRange = path.join(work, 'empty');
    writeFileSync(noRange, '');
    const hidden = `mount --bind ${noRange} /etc/subuid && exec "$@"`;
    const [file, args] = asUser(program, 'istio', 'up');
    const { code, stderr } = await ran('unshare', ['--mount', 'sh', '-c', hidden, 'sh', file, ...args], {
      cwd: home,
      env,
    });
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`${user} has no range of 65536 ids in /etc/subuid .*sudo usermod`));
    assert.match(stderr, /Or run it with sudo, or in the image of the local mesh\./);
  });

  test('has the cache of tools in the own home, also with sudo', async () => {
    const script = path.join(work, 'install.sh');
    const functions = path.join(work, 'program/node_modules/meshmock/src/istio/tools/cache.sh');
    writeFileSync(
      script,
      `#!/usr/bin/env bash
set -euo pipefail
. ${functions}
one_key=1 one_needs=sh
build_one() { echo one > "$1/file"; }
get_tools "$@"
`,
      { mode: 0o755 },
    );
    const { stdout: ids } = await ran('sh', ['-c', `id -u ${user}; id -g ${user}`], { cwd: work });
    const [SUDO_UID = '', SUDO_GID = ''] = ids.split('\n');
    const sudo = { HOME: '/root', PATH: process.env.PATH, SUDO_UID, SUDO_GID };
    const { stdout, stderr } = await ran(script, ['one'], { cwd: work, env: sudo });
    assert.equal(stdout, `one=${home}/.cache/meshmock/tools/one-1\n`, stderr);
    const owners = await ran('find', [home, '-printf', '%u '], { cwd: work });
    assert.deepEqual(new Set(owners.stdout.trim().split(' ')), new Set([user]));
    // The user can install further tools there, and remove all of them.
    const own = await ran(...asUser(script, 'one'), { cwd: home, env: { HOME: home, PATH: process.env.PATH } });
    assert.equal(own.stdout, stdout, own.stderr);
    assert.equal((await ran(...asUser('rm', '-r', path.join(home, '.cache')), { cwd: home })).code, 0);
  });

  test('leaves nothing', async () => {
    await assertNoProcess();
    assert.deepEqual(await filesOfUser(), initial);
    assert.deepEqual(readdirSync(home), []);
  });
});
